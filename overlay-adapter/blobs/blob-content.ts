import { padme } from "../../foundation/padme.ts";
import { SEAL_OVERHEAD } from "../../foundation/seal.ts";
import { CHUNK, dataChunks, FIRST_CHUNK, sealedStart } from "../letters/letter-content.ts";

/**
 * A letter's blob is its sealed chunks, one after another, the very ones that its cells would hold (letter-content.ts).
 * Behind the content's last chunk come chunks of zeros, as many as Padmé says: 12 % more at most, and few different sizes.
 */
export function blobChunks(size: number): number {
  return padme(dataChunks(size));
}

/** Octets of the blob of a letter of that size. */
export function blobOctets(size: number): number {
  return sealedStart(blobChunks(size));
}

/** The chunk that an octet of the blob lies in. */
export function chunkAt(offset: number): number {
  const first = FIRST_CHUNK + SEAL_OVERHEAD;
  return offset < first ? 0 : 1 + Math.floor((offset - first) / (CHUNK + SEAL_OVERHEAD));
}

/** Puts sealed chunks together from pieces of any size, beginning with one index. */
export async function* sealedChunks(pieces: AsyncIterable<Uint8Array>, from: number): AsyncGenerator<Buffer> {
  let index = from;
  let chunk = Buffer.allocUnsafe(sealedStart(index + 1) - sealedStart(index));
  let filled = 0;
  for await (const piece of pieces)
    for (let at = 0; at < piece.length; ) {
      const taken = Math.min(piece.length - at, chunk.length - filled);
      chunk.set(piece.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled < chunk.length) continue;
      yield chunk;
      index++;
      chunk = Buffer.allocUnsafe(CHUNK + SEAL_OVERHEAD);
      filled = 0;
    }
}
