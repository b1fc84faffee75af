import { createHmac, pbkdf2Sync } from "node:crypto";
import { storedKeyOf } from "../../keyring/scram.ts";

const hmac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();
const base64 = (octets: Uint8Array | string) => Buffer.from(octets as string).toString("base64");

export interface ScramClientOptions {
  readonly user: string;
  readonly password: string;
  /** `n,,` unless given; with `p=...` the octets of the channel follow in `binding`. */
  readonly gs2Header?: string;
  readonly binding?: Uint8Array;
  readonly nonce?: string;
}

/** The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), message by message, without base64 around them. */
export class ScramClient {
  readonly first: string;
  readonly #options: ScramClientOptions;
  readonly #header: string;
  readonly #bare: string;
  #serverSignature = "";

  constructor(options: ScramClientOptions) {
    this.#options = options;
    this.#header = options.gs2Header ?? "n,,";
    this.#bare = `n=${options.user},r=${options.nonce ?? "rOprNGfwEbeRWgbNEkqO"}`;
    this.first = this.#header + this.#bare;
  }

  final(serverFirst: string): string {
    const [, nonce = "", salt = "", iterations = ""] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? [];
    const salted = pbkdf2Sync(this.#options.password, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
    const clientKey = hmac(salted, "Client Key");
    const binding = Buffer.concat([Buffer.from(this.#header), this.#options.binding ?? Buffer.alloc(0)]);
    const withoutProof = `c=${base64(binding)},r=${nonce}`;
    const authMessage = [this.#bare, serverFirst, withoutProof].join(",");
    const signature = hmac(storedKeyOf(clientKey), authMessage);
    this.#serverSignature = base64(hmac(hmac(salted, "Server Key"), authMessage));
    return `${withoutProof},p=${base64(clientKey.map((octet, index) => octet ^ (signature[index] ?? 0)))}`;
  }

  /** Whether the server-final-message proves that the server knows the password. */
  trusts(serverFinal: string): boolean {
    return serverFinal === `v=${this.#serverSignature}`;
  }
}
