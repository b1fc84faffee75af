import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { randomOctets } from "../../foundation/random-octets.ts";
import { deriveKey, open, seal } from "../../foundation/seal.ts";
import { decodeRawBase64, encodeRawBase64 } from "./base64.ts";
import { decodeBech32, encodeBech32 } from "./bech32.ts";
import { AgeFormatError } from "./format-error.ts";
import type { Stanza } from "./header.ts";
import type { AgeIdentity, AgeRecipient } from "./identity.ts";
import { FILE_KEY_SIZE, TAG_SIZE } from "./limits.ts";

const INFO = "age-encryption.org/v1/X25519";
const ZERO_NONCE = Buffer.alloc(12);
/** Octets of a private key, before it is a number. */
const SCALAR_SIZE = 32;
const NO_POINT = Buffer.alloc(32).toString("base64url");

/** In JSON, not in DER, both ways: OpenSSL takes seven to fifty times as long for DER. */
function publicKeyOf(point: Uint8Array): KeyObject {
  const x = Buffer.from(point).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
}

/** The private key that 32 octets are (RFC 7748 section 5). Its public half comes of `d`; `x` has to be there, and counts for nothing. */
function privateKeyOf(scalar: Uint8Array): KeyObject {
  const d = Buffer.from(scalar).toString("base64url");
  return createPrivateKey({ key: { kty: "OKP", crv: "X25519", d, x: NO_POINT }, format: "jwk" });
}

/**
 * A key of 32 random octets. Not `generateKeyPairSync`: the job that it leaves behind takes the key's lock when it is
 * collected, and if that happens while `export` holds it, the process stands still for ever.
 */
function randomKey(): KeyObject {
  return privateKeyOf(randomOctets(SCALAR_SIZE));
}

function pointOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url");
}

/** The shared secret; undefined where it is all zero, which a point of low order brings about. */
function sharedSecret(privateKey: KeyObject, publicKey: KeyObject): Buffer | undefined {
  let secret: Buffer;
  try {
    secret = diffieHellman({ privateKey, publicKey });
  } catch {
    return undefined;
  }
  return secret.every((byte) => byte === 0) ? undefined : secret;
}

/** An ephemeral share, and the key that it wraps one file key with. */
interface WrapKey {
  readonly share: Buffer;
  readonly key: Buffer;
}

/** The recipient whose text form is `age1...` (age v1, "The X25519 recipient type"). */
export class X25519Recipient implements AgeRecipient {
  readonly #point: Buffer;
  readonly #key: KeyObject;
  /** For files to come; each is used once. */
  readonly #prepared: WrapKey[] = [];

  /** @throws Error if the text is no such recipient */
  constructor(text: string) {
    const decoded = decodeBech32(text);
    if (decoded?.prefix !== "age" || decoded.bytes.length !== 32) throw new Error("not an age1... recipient");
    this.#point = decoded.bytes;
    this.#key = publicKeyOf(decoded.bytes);
  }

  wrap(fileKey: Uint8Array): Stanza {
    const { share, key } = this.#prepared.pop() ?? this.#wrapKey();
    return { arguments: ["X25519", encodeRawBase64(share)], body: seal(key, ZERO_NONCE, fileKey) };
  }

  /** Makes in advance what the next file needs, which is most of the price of a small one; false once so many wait. */
  prepare(limit: number): boolean {
    if (this.#prepared.length >= limit) return false;
    this.#prepared.push(this.#wrapKey());
    return true;
  }

  #wrapKey(): WrapKey {
    const ephemeral = randomKey();
    const share = pointOf(ephemeral);
    const secret = sharedSecret(ephemeral, this.#key);
    if (secret === undefined) throw new Error("the recipient is a point of low order");
    return { share, key: deriveKey(secret, INFO, 32, Buffer.concat([share, this.#point])) };
  }
}

/** The identity whose text form is `AGE-SECRET-KEY-1...`. */
export class X25519Identity implements AgeIdentity {
  readonly #key: KeyObject;
  readonly #point: Buffer;

  /** @throws Error if the text is no such identity; it is not repeated in the error */
  constructor(text: string) {
    const decoded = decodeBech32(text);
    if (decoded?.prefix !== "age-secret-key-" || decoded.bytes.length !== 32)
      throw new Error("not an AGE-SECRET-KEY-1... identity");
    this.#key = privateKeyOf(decoded.bytes);
    this.#point = pointOf(this.#key);
  }

  /** Its `age1...` text. */
  get recipient(): string {
    return encodeBech32("age", this.#point);
  }

  unwrap(stanzas: readonly Stanza[]): Buffer | undefined {
    for (const stanza of stanzas) {
      if (stanza.arguments[0] !== "X25519") continue;
      const share = decodeRawBase64(stanza.arguments[1] ?? "");
      if (stanza.arguments.length !== 2 || share?.length !== 32 || stanza.body.length !== FILE_KEY_SIZE + TAG_SIZE)
        throw new AgeFormatError("header", "a malformed X25519 stanza");
      const secret = sharedSecret(this.#key, publicKeyOf(share));
      if (secret === undefined) throw new AgeFormatError("header", "an X25519 share of low order");
      const key = deriveKey(secret, INFO, 32, Buffer.concat([share, this.#point]));
      const fileKey = open(key, ZERO_NONCE, stanza.body);
      if (fileKey !== undefined) return fileKey;
    }
    return undefined;
  }
}
