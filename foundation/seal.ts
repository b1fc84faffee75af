import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";

/** Bytes that a ChaCha20-Poly1305 (RFC 8439) seal adds. */
export const SEAL_OVERHEAD = 16;

const NOTHING = Buffer.alloc(0);

/**
 * ChaCha20-Poly1305 of RFC 8439: `before || ciphertext || tag`. Key 32 bytes, nonce 12; a nonce is never used twice under
 * one key. `before` is put in front as it is, for whoever sends the nonce along.
 */
export function seal(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associated?: Uint8Array,
  before: Uint8Array = NOTHING,
): Buffer {
  return Buffer.concat([before, ...sealPieces(key, nonce, plaintext, associated)]);
}

/** The same as ciphertext and tag, for whoever writes them somewhere at once: large ones are not copied. */
export function sealPieces(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associated?: Uint8Array,
): readonly [ciphertext: Buffer, tag: Buffer] {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: SEAL_OVERHEAD });
  if (associated !== undefined) cipher.setAAD(associated, { plaintextLength: plaintext.length });
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return [ciphertext, cipher.getAuthTag()];
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

/** Octets of SHA-256's output. */
const HASH_LENGTH = 32;

/**
 * HKDF-SHA-256 (RFC 5869); the label names the key's one use. Keys of one hash's length at most, as nearly all are, are
 * put together from the two HMACs of RFC 5869 section 2 that they are: node:crypto's own function takes twice as long,
 * and three such keys are needed for each letter that is read.
 */
export function deriveKey(secret: Uint8Array, label: string, length = 32, salt: Uint8Array = Buffer.alloc(0)): Buffer {
  if (length > HASH_LENGTH) return Buffer.from(hkdfSync("sha256", secret, salt, label, length));
  const pseudorandomKey = createHmac("sha256", salt).update(secret).digest();
  const expanded = createHmac("sha256", pseudorandomKey).update(label).update(FIRST_BLOCK).digest();
  return expanded.subarray(0, length);
}

/** The counter that RFC 5869 section 2.3 puts behind the label of the first block. */
const FIRST_BLOCK = Buffer.from([1]);
