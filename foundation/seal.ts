import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";

/** Bytes that a ChaCha20-Poly1305 (RFC 8439) seal adds. */
export const SEAL_OVERHEAD = 16;

/** ChaCha20-Poly1305 of RFC 8439: `ciphertext || tag`. Key 32 bytes, nonce 12; a nonce is never used twice under one key. */
export function seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associated?: Uint8Array): Buffer {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: SEAL_OVERHEAD });
  if (associated !== undefined) cipher.setAAD(associated, { plaintextLength: plaintext.length });
  const head = cipher.update(plaintext);
  return Buffer.concat([head, cipher.final(), cipher.getAuthTag()]);
}

/** The reverse; undefined where the tag does not fit. */
export function open(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated?: Uint8Array,
): Buffer | undefined {
  if (sealed.length < SEAL_OVERHEAD) return undefined;
  const end = sealed.length - SEAL_OVERHEAD;
  const decipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: SEAL_OVERHEAD });
  if (associated !== undefined) decipher.setAAD(associated, { plaintextLength: end });
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plaintext;
}

/** HKDF-SHA-256 (RFC 5869); the label names the key's one use. */
export function deriveKey(secret: Uint8Array, label: string, length = 32, salt: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, salt, label, length));
}
