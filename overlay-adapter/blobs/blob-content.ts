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

/** Cuts pieces of any size into sealed chunks, beginning with one index. A chunk that lies in one piece is a view into it. */
export async function* sealedChunks(pieces: AsyncIterable<Uint8Array>, from: number): AsyncGenerator<Buffer> {
  let index = from;
  let begun: Buffer | undefined;
  for await (const piece of pieces) {
    let at = 0;
    if (begun !== undefined) {
      const rest = sealedLength(index) - begun.length;
      begun = Buffer.concat([begun, piece.subarray(0, rest)]);
      at = Math.min(rest, piece.length);
      if (begun.length < sealedLength(index)) continue;
      yield begun;
      begun = undefined;
      index++;
    }
    for (; piece.length - at >= sealedLength(index); index++) {
      const end = at + sealedLength(index);
      yield Buffer.from(piece.buffer, piece.byteOffset + at, end - at);
      at = end;
    }
    if (at < piece.length) begun = Buffer.from(piece.subarray(at));
  }
}

function sealedLength(index: number): number {
  return sealedStart(index + 1) - sealedStart(index);
}
