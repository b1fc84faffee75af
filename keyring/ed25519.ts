/** An Ed25519 key pair (RFC 8032); the seed is the secret. */
export interface SigningKey {
  readonly publicKey: Buffer;
  /** 64 bytes over `context || 0x00 || message`; the context names what is signed, so that no signature serves two purposes. */
  sign(context: string, message: Uint8Array): Buffer;
}

export function signingKey(_seed: Uint8Array): SigningKey {
  throw new Error("not written");
}

/** False for any signature, key or message that does not fit; never throws. */
export function verifySignature(
  _publicKey: Uint8Array,
  _context: string,
  _message: Uint8Array,
  _signature: Uint8Array,
): boolean {
  throw new Error("not written");
}
