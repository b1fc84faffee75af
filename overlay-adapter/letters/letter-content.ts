import { createHash, type Hash } from "node:crypto";
import { ByteWriter } from "../../foundation/bytes.ts";
import { open, SEAL_OVERHEAD, seal, sealPieces } from "../../foundation/seal.ts";
import { FIRST_CELL_SLOTS, INNER_SIZE, LETTER_CELLS_MAX, SLOT_SIZE } from "../limits.ts";
import { BODY_HEAD, LETTER_HEAD } from "../queues/cell.ts";

/** Octets of the content in a letter's first cell. */
export const FIRST_CHUNK = INNER_SIZE - LETTER_HEAD - FIRST_CELL_SLOTS * SLOT_SIZE - SEAL_OVERHEAD;
/** Octets of the content in each further cell. */
export const CHUNK = INNER_SIZE - BODY_HEAD - SEAL_OVERHEAD;
/** Octets of the largest letter. */
export const LETTER_SIZE_MAX = FIRST_CHUNK + (LETTER_CELLS_MAX - 1) * CHUNK;

const CONTEXT = Buffer.from("postern letter 1");

export function chunkSize(index: number): number {
  return index === 0 ? FIRST_CHUNK : CHUNK;
}

/** Where a chunk begins in the content. */
export function chunkStart(index: number): number {
  return index === 0 ? 0 : FIRST_CHUNK + (index - 1) * CHUNK;
}

/** Where a sealed chunk begins in the spooled file. */
export function sealedStart(index: number): number {
  return chunkStart(index) + index * SEAL_OVERHEAD;
}

/** A chunk of content that is in memory as a whole; empty past its end. */
export function inlineChunk(content: Buffer, index: number): Buffer {
  const start = chunkStart(index);
  return content.subarray(start, start + chunkSize(index));
}

/** Chunks that hold any of the content; one for an empty letter. */
export function dataChunks(size: number): number {
  return size <= FIRST_CHUNK ? 1 : 1 + Math.ceil((size - FIRST_CHUNK) / CHUNK);
}

/** Cells of a letter: the next power of two, so that sizes fall into few classes. */
export function paddedCells(size: number): number {
  let cells = 1;
  for (const needed = dataChunks(size); cells < needed; ) cells *= 2;
  return cells;
}

/**
 * Seals a chunk, padded with zeros, under the content key; the nonce is its index. The same chunk always gives the same
 * bytes, so it may be sealed again for every retry and recipient.
 */
export function sealChunk(contentKey: Uint8Array, index: number, content: Uint8Array): Buffer {
  return seal(contentKey, nonce(index), padded(index, content), CONTEXT);
}

/** The same in two pieces. */
export function sealChunkInPieces(
  contentKey: Uint8Array,
  index: number,
  content: Uint8Array,
): readonly [ciphertext: Buffer, tag: Buffer] {
  return sealPieces(contentKey, nonce(index), padded(index, content), CONTEXT);
}

function padded(index: number, content: Uint8Array): Uint8Array {
  const size = chunkSize(index);
  if (content.length === size) return content;
  const whole = Buffer.alloc(size);
  whole.set(content);
  return whole;
}

export function openChunk(contentKey: Uint8Array, index: number, sealed: Uint8Array): Buffer | undefined {
  return open(contentKey, nonce(index), sealed, CONTEXT);
}

/** The hash that all recipients' sealed headers carry: SHA-256 over `"postern letter 1" content size cells`, size in 8 octets, cells in 4. */
export class ManifestHash {
  readonly #hash: Hash = createHash("sha256").update(CONTEXT);

  update(content: Uint8Array): void {
    this.#hash.update(content);
  }

  digest(size: number): Buffer {
    return this.#hash.update(new ByteWriter().u64(size).u32(paddedCells(size)).bytes()).digest();
  }
}

function nonce(index: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(index, 8);
  return bytes;
}
