import { type FileHandle, open } from "node:fs/promises";
import { writePieces } from "../../foundation/write-pieces.ts";
import { sealedStart } from "../letters/letter-content.ts";
import { chunkAt } from "./blob-content.ts";

/** Chunks that are read and written at once. */
const RUN = 32;

/**
 * What has come of a blob, sealed as it was sent. It is not synced: a chunk that a power cut spoilt does not open, and is
 * fetched once more.
 */
export class BlobFile {
  readonly #file: FileHandle;
  #chunks: number;
  #waiting: Buffer[] = [];

  private constructor(file: FileHandle, chunks: number) {
    this.#file = file;
    this.#chunks = chunks;
  }

  /** Opens or makes it; a part of a chunk at its end is cut off. */
  static async open(path: string): Promise<BlobFile> {
    const file = await open(path, "a+", 0o600);
    const { size } = await file.stat();
    const chunks = chunkAt(size);
    await file.truncate(sealedStart(chunks));
    return new BlobFile(file, chunks);
  }

  /** How many chunks it holds, from the first. */
  get chunks(): number {
    return this.#chunks;
  }

  /** The sealed chunks that it holds. */
  async *read(): AsyncGenerator<Buffer> {
    for (let index = 0; index < this.#chunks; ) {
      const end = Math.min(index + RUN, this.#chunks);
      const start = sealedStart(index);
      const run = Buffer.allocUnsafe(sealedStart(end) - start);
      const { bytesRead } = await this.#file.read(run, 0, run.length, start);
      if (bytesRead < run.length) return;
      for (; index < end; index++) yield run.subarray(sealedStart(index) - start, sealedStart(index + 1) - start);
    }
  }

  /** Forgets what lies behind so many chunks. */
  async cut(chunks: number): Promise<void> {
    this.#waiting = [];
    this.#chunks = chunks;
    await this.#file.truncate(sealedStart(chunks));
  }

  /** Adds the next chunk; some are kept until there are more. */
  async append(sealed: Buffer): Promise<void> {
    this.#waiting.push(sealed);
    if (this.#waiting.length >= RUN) await this.#flush();
  }

  async close(): Promise<void> {
    try {
      await this.#flush();
    } finally {
      await this.#file.close();
    }
  }

  async #flush(): Promise<void> {
    const pieces = this.#waiting;
    this.#waiting = [];
    if (pieces.length === 0) return;
    await writePieces(this.#file, pieces);
    this.#chunks += pieces.length;
  }
}
