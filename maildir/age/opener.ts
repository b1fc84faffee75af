import { AgeFormatError } from "./format-error.ts";
import { decodeHeader, verifyHeader } from "./header.ts";
import type { AgeIdentity } from "./identity.ts";
import { CHUNK_SIZE, NONCE_SIZE, TAG_SIZE } from "./limits.ts";
import { chunkCount, openChunk, payloadKey, plaintextSize } from "./payload.ts";

const SEALED_CHUNK = CHUNK_SIZE + TAG_SIZE;

/** Chunks that are read in one go: the way through the thread pool costs as much as opening one. */
const CHUNKS_AT_A_TIME = 4;

/** Where an age file's octets come from. Gives fewer than asked for only at the end of the file. */
export interface AgeSource {
  readonly size: number;
  read(position: number, length: number): Buffer | Promise<Buffer>;
}

/** An opened age file: any stretch of it can be read, and costs only the chunks that hold it. */
export class AgeOpener {
  /** Octets of plaintext, as the file's size tells; the last chunk's reading proves it. */
  readonly size: number;
  readonly #source: AgeSource;
  readonly #key: Buffer;
  readonly #chunksStart: number;
  readonly #chunks: number;

  private constructor(source: AgeSource, key: Buffer, chunksStart: number, size: number) {
    this.#source = source;
    this.#key = key;
    this.#chunksStart = chunksStart;
    this.size = size;
    this.#chunks = chunkCount(size);
  }

  /**
   * Finds the file key and checks the header. `start` are the file's first octets: the whole header and the nonce at
   * least, if the file is as long.
   * Undefined if the identity is not among the recipients.
   * @throws AgeFormatError
   */
  static open(start: Uint8Array, source: AgeSource, identity: AgeIdentity): AgeOpener | undefined {
    const header = decodeHeader(start);
    const fileKey = identity.unwrap(header.stanzas);
    if (fileKey === undefined) return undefined;
    if (!verifyHeader(header, fileKey)) throw new AgeFormatError("mac", "the header was changed");
    const nonce = start.subarray(header.length, header.length + NONCE_SIZE);
    const size = plaintextSize(source.size - header.length);
    if (nonce.length < NONCE_SIZE) throw new AgeFormatError("header", "the file ends before the nonce does");
    if (size === undefined) throw new AgeFormatError("payload", "the file has been cut short or grew");
    return new AgeOpener(source, payloadKey(fileKey, nonce), header.length + NONCE_SIZE, size);
  }

  /** Octets start..end (end exclusive, at most `size`), piece by piece, each from an authenticated chunk. @throws AgeFormatError */
  async *read(start = 0, end = this.size): AsyncGenerator<Buffer> {
    const first = Math.min(Math.floor(start / CHUNK_SIZE), this.#chunks - 1);
    const last = Math.min(Math.max(Math.ceil(end / CHUNK_SIZE) - 1, first), this.#chunks - 1);
    for (let next = first; next <= last; next += CHUNKS_AT_A_TIME) {
      const count = Math.min(CHUNKS_AT_A_TIME, last - next + 1);
      const reading = this.#source.read(this.#chunksStart + next * SEALED_CHUNK, count * SEALED_CHUNK);
      const sealed = Buffer.isBuffer(reading) ? reading : await reading;
      for (let index = next; index < next + count; index++) {
        const chunk = this.#open(
          index,
          sealed.subarray((index - next) * SEALED_CHUNK, (index - next + 1) * SEALED_CHUNK),
        );
        const from = Math.max(start - index * CHUNK_SIZE, 0);
        const to = Math.min(end - index * CHUNK_SIZE, chunk.length);
        if (from < to) yield chunk.subarray(from, to);
      }
    }
  }

  #open(index: number, sealed: Buffer): Buffer {
    const plaintext = openChunk(this.#key, index, index === this.#chunks - 1, sealed);
    if (plaintext === undefined) throw new AgeFormatError("payload", "a chunk was changed or is missing");
    return plaintext;
  }
}
