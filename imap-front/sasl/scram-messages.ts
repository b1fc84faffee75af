/** The server-error-values of RFC 5802 section 7 that this server has reason to say. */
export type ScramError =
  | "invalid-encoding"
  | "extensions-not-supported"
  | "invalid-proof"
  | "channel-bindings-dont-match"
  | "server-does-support-channel-binding"
  | "channel-binding-not-supported"
  | "unsupported-channel-binding-type"
  | "invalid-username-encoding"
  | "other-error";

/** A message of the client ends the exchange, for this reason. */
export class ScramFailure extends Error {
  override name = "ScramFailure";
  readonly reason: ScramError;

  constructor(reason: ScramError, text: string) {
    super(text);
    this.reason = reason;
  }
}

/** What the client says of channel binding: it cannot, it believes that the server cannot, or it binds to this. */
export type BindingFlag = "n" | "y" | { readonly type: string };

export interface ClientFirst {
  /** As it was sent, with the comma that ends it: it comes back in the final message. */
  readonly gs2Header: string;
  readonly bare: string;
  readonly flag: BindingFlag;
  readonly authorization: string | undefined;
  readonly user: string;
  readonly nonce: string;
}

export interface ClientFinal {
  readonly withoutProof: string;
  /** cbind-input: the GS2 header and the channel binding's octets. */
  readonly binding: Buffer;
  readonly nonce: string;
  readonly proof: Buffer;
}

const SASLNAME = "[^\\0=,]*(?:=2C[^\\0=,]*|=3D[^\\0=,]*)*";
const NONCE = "[\\x21-\\x2B\\x2D-\\x7E]+";
// gs2-cbind-flag "," [ authzid ] ","; an empty authzid is taken for none
const GS2_HEADER = /^(?:([ny])|p=([A-Za-z0-9.-]+)),(?:a=([^\0,]*))?,/;
// username "," nonce ["," extensions]
const FIRST_BARE = new RegExp(`^n=([^\\0,]*),r=(${NONCE})((?:,.*)?)$`, "s");
// channel-binding "," nonce ["," extensions] "," proof
const FINAL = new RegExp(`^(c=([A-Za-z0-9+/=]+),r=(${NONCE})((?:,.*)?)),p=([A-Za-z0-9+/=]+)$`, "s");
// attr-val, but for the names that have a meaning and a place of their own
const EXTENSIONS = /^(?:,[bdf-hj-loqt-uw-zA-Z]=[^\0,]+)*$/;

/** client-first-message. @throws ScramFailure */
export function parseClientFirst(octets: Uint8Array): ClientFirst {
  const text = decodeText(octets);
  const header = GS2_HEADER.exec(text);
  if (header === null) throw new ScramFailure("invalid-encoding", "the first message does not begin with a GS2 header");
  const gs2Header = header[0];
  const bare = text.slice(gs2Header.length);
  refuseMandatoryExtension(bare);
  const fields = FIRST_BARE.exec(bare);
  if (fields === null) throw new ScramFailure("invalid-encoding", "the first message has no user or no nonce");
  const [, name = "", nonce = "", extensions = ""] = fields;
  checkExtensions(extensions);
  return {
    gs2Header,
    bare,
    flag: header[2] === undefined ? (header[1] as "n" | "y") : { type: header[2] },
    authorization: header[3] ? decodeName(header[3]) : undefined,
    user: decodeName(name),
    nonce,
  };
}

/** client-final-message. @throws ScramFailure */
export function parseClientFinal(octets: Uint8Array): ClientFinal {
  const text = decodeText(octets);
  refuseMandatoryExtension(text);
  const fields = FINAL.exec(text);
  if (fields === null)
    throw new ScramFailure("invalid-encoding", "the final message has no channel binding, nonce or proof");
  const [, withoutProof = "", encodedBinding = "", nonce = "", extensions = "", encodedProof = ""] = fields;
  checkExtensions(extensions);
  const binding = decodeBase64(encodedBinding);
  const proof = decodeBase64(encodedProof);
  if (binding === undefined || proof === undefined)
    throw new ScramFailure("invalid-encoding", "channel binding or proof is not base64");
  return { withoutProof, binding, nonce, proof };
}

/** server-first-message */
export function formatServerFirst(nonce: string, salt: Uint8Array, iterations: number): string {
  return `r=${nonce},s=${Buffer.from(salt).toString("base64")},i=${iterations}`;
}

function decodeText(octets: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    throw new ScramFailure("invalid-encoding", "the message is not UTF-8");
  }
}

/** A mandatory extension may only stand first (RFC 5802 section 5.1, attribute m). */
function refuseMandatoryExtension(text: string): void {
  if (text.startsWith("m=")) throw new ScramFailure("extensions-not-supported", "no mandatory extension is known");
}

function checkExtensions(extensions: string): void {
  if (extensions.split(",").some((extension) => extension.startsWith("m=")))
    throw new ScramFailure("extensions-not-supported", "no mandatory extension is known");
  if (!EXTENSIONS.test(extensions)) throw new ScramFailure("invalid-encoding", "the extensions are not attributes");
}

/**
 * saslname, prepared. Of SASLprep (RFC 4013) only NFKC and the ban on control characters are done: users here are
 * addresses, which are ASCII, where nothing else of it changes anything.
 */
function decodeName(encoded: string): string {
  if (!new RegExp(`^${SASLNAME}$`).test(encoded))
    throw new ScramFailure("invalid-username-encoding", "= in a user name is written =3D");
  const name = encoded.replaceAll("=2C", ",").replaceAll("=3D", "=").normalize("NFKC");
  if (name === "" || /\p{Cc}/u.test(name))
    throw new ScramFailure("invalid-username-encoding", "the user name is empty or holds control characters");
  return name;
}

/** Octets in base64 (RFC 4648 section 4) as it must be spelt: no blanks, padded, no stray bits; undefined for anything else. */
function decodeBase64(text: string): Buffer | undefined {
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64") === text ? octets : undefined;
}
