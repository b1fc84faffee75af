import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";

/** Bytes of an Ed25519 public key, and of a seed. */
export const ED25519_KEY_LENGTH = 32;
export const SIGNATURE_LENGTH = 64;

/** RFC 8410: an Ed25519 private key in PKCS #8 is these bytes, then the seed. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** An Ed25519 key pair (RFC 8032). */
export interface SigningKey {
  readonly publicKey: Buffer;
  /** 64 bytes over `context || 0x00 || message`; the context names what is signed, so that no signature serves two purposes. */
  sign(context: string, message: Uint8Array): Buffer;
}

/** The key pair of a 32-byte seed. @throws RangeError for another length */
export function signingKey(seed: Uint8Array): SigningKey {
  if (seed.length !== ED25519_KEY_LENGTH) throw new RangeError("an Ed25519 seed has 32 bytes");
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  if (x === undefined) throw new Error("an Ed25519 key without its public half");
  return {
    publicKey: Buffer.from(x, "base64url"),
    sign: (context, message) => sign(null, signedBytes(context, message), privateKey),
  };
}

/** False for any signature, key or message that does not fit; never throws. A signature is not malleable: S is checked to be below the group's order. */
export function verifySignature(
  publicKey: Uint8Array,
  context: string,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== ED25519_KEY_LENGTH || signature.length !== SIGNATURE_LENGTH) return false;
  const x = Buffer.from(publicKey).toString("base64url");
  try {
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    return verify(null, signedBytes(context, message), key, signature);
  } catch {
    return false;
  }
}

function signedBytes(context: string, message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(context, "ascii"), Buffer.of(0), message]);
}
