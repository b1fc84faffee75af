import { deriveKey, open, sealPieces } from "../../foundation/seal.ts";
import { CHUNK_SIZE, NONCE_SIZE, TAG_SIZE } from "./limits.ts";

/** The key of all chunks: HKDF-SHA-256(ikm = file key, salt = nonce, info = "payload"). */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Buffer {
  return deriveKey(fileKey, "payload", 32, nonce);
}

/** Eleven octets of counter, then 1 for the last chunk and 0 for all others. */
function chunkNonce(index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 5, 6);
  if (last) nonce[11] = 1;
  return nonce;
}

/** The chunk in two pieces. */
export function sealChunk(
  key: Uint8Array,
  index: number,
  last: boolean,
  plaintext: Uint8Array,
): readonly [ciphertext: Buffer, tag: Buffer] {
  return sealPieces(key, chunkNonce(index, last), plaintext);
}

/** Undefined where the chunk was changed, moved, or is the last one and should not be, or the reverse. */
export function openChunk(key: Uint8Array, index: number, last: boolean, sealed: Uint8Array): Buffer | undefined {
  return open(key, chunkNonce(index, last), sealed);
}

/** Chunks of a payload: at least one, and only an empty payload has an empty one. */
export function chunkCount(plaintextSize: number): number {
  return Math.max(1, Math.ceil(plaintextSize / CHUNK_SIZE));
}

/** Octets of nonce and chunks together for that much plaintext. */
export function sealedPayloadSize(plaintextSize: number): number {
  return NONCE_SIZE + plaintextSize + chunkCount(plaintextSize) * TAG_SIZE;
}

/** The plaintext's size for that many octets of nonce and chunks; undefined where no payload has that size. */
export function plaintextSize(payloadSize: number): number | undefined {
  const chunks = payloadSize - NONCE_SIZE;
  if (chunks < TAG_SIZE) return undefined;
  const count = Math.ceil(chunks / (CHUNK_SIZE + TAG_SIZE));
  const size = chunks - count * TAG_SIZE;
  return size < 0 || sealedPayloadSize(size) !== payloadSize ? undefined : size;
}
