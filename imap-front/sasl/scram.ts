import { equalConstantTime } from "../../foundation/bytes.ts";
import {
  type ClientFinal,
  type ClientFirst,
  formatServerFirst,
  parseClientFinal,
  parseClientFirst,
  ScramFailure,
} from "./scram-messages.ts";

/** Mechanisms of RFC 7677; the second one binds the login to the TLS channel. */
export type ScramMechanism = "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS";

export interface ScramChannel {
  /** SCRAM-SHA-256-PLUS was offered: a client that thinks otherwise was deceived (RFC 5802 section 6). */
  readonly offersBinding: boolean;
  /** The channel's octets for a type of binding; undefined for a type that cannot be had. */
  binding(type: string): Promise<Uint8Array | undefined>;
}

export interface ScramOptions {
  readonly mechanism: ScramMechanism;
  readonly channel: ScramChannel;
  /** The same for every user and password: who is unknown is not told apart. */
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** Printable ASCII without a comma, new for each exchange. */
  readonly nonce: string;
}

/** What is to be compared with what the server keeps of the password. */
export interface ScramClaim {
  readonly user: string;
  /** AuthMessage of RFC 5802 section 3. */
  readonly authMessage: string;
  /** ClientProof, of any length. */
  readonly proof: Uint8Array;
}

/** The server's side of one exchange up to the proof, which somebody else checks (RFC 5802 section 5). */
export class ScramExchange {
  readonly serverFirst: string;
  readonly #first: ClientFirst;
  readonly #binding: Uint8Array;
  readonly #nonce: string;

  private constructor(first: ClientFirst, binding: Uint8Array, { nonce, salt, iterations }: ScramOptions) {
    this.#first = first;
    this.#binding = binding;
    this.#nonce = `${first.nonce}${nonce}`;
    this.serverFirst = formatServerFirst(this.#nonce, salt, iterations);
  }

  /** Takes the client-first-message. @throws ScramFailure */
  static async begin(clientFirst: Uint8Array, options: ScramOptions): Promise<ScramExchange> {
    const first = parseClientFirst(clientFirst);
    return new ScramExchange(first, await expectedBinding(first, options), options);
  }

  /** Who the client wants to act for, where it says so. */
  get authorization(): string | undefined {
    return this.#first.authorization;
  }

  get user(): string {
    return this.#first.user;
  }

  /** Takes the client-final-message. @throws ScramFailure */
  finish(clientFinal: Uint8Array): ScramClaim {
    const final: ClientFinal = parseClientFinal(clientFinal);
    if (!equalConstantTime(final.binding, this.#binding))
      throw new ScramFailure("channel-bindings-dont-match", "the login was made for another connection");
    if (final.nonce !== this.#nonce) throw new ScramFailure("other-error", "the nonce is not the one of this exchange");
    const authMessage = [this.#first.bare, this.serverFirst, final.withoutProof].join(",");
    return { user: this.#first.user, authMessage, proof: final.proof };
  }
}

/** cbind-input as it must come back: the GS2 header, and the channel's octets where the client binds to it. */
async function expectedBinding({ flag, gs2Header }: ClientFirst, options: ScramOptions): Promise<Uint8Array> {
  const { channel, mechanism } = options;
  const header = Buffer.from(gs2Header);
  if (flag === "y" && channel.offersBinding)
    throw new ScramFailure("server-does-support-channel-binding", "somebody hid SCRAM-SHA-256-PLUS from the client");
  if (typeof flag === "string") {
    if (mechanism === "SCRAM-SHA-256") return header;
    throw new ScramFailure("channel-bindings-dont-match", "SCRAM-SHA-256-PLUS needs a channel binding");
  }
  if (mechanism === "SCRAM-SHA-256")
    throw new ScramFailure(
      "channel-binding-not-supported",
      "SCRAM-SHA-256-PLUS is the one that takes a channel binding",
    );
  const octets = await channel.binding(flag.type);
  if (octets === undefined)
    throw new ScramFailure(
      "unsupported-channel-binding-type",
      "this connection can be bound to by tls-exporter (TLS 1.3) and tls-server-end-point",
    );
  return Buffer.concat([header, octets]);
}
