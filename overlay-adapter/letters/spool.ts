import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../../foundation/durable-file.ts";
import { Failure, storageFailure } from "../../foundation/failure.ts";
import { INLINE_MAX } from "../limits.ts";
import {
  CHUNK,
  dataChunks,
  FIRST_CHUNK,
  inlineChunk,
  LETTER_SIZE_MAX,
  ManifestHash,
  sealChunk,
  sealedStart,
} from "./letter-content.ts";

/** A letter's content where it waits, with all that its header says. */
export interface SpooledContent {
  readonly contentKey: Buffer;
  readonly manifestHash: Buffer;
  readonly size: number;
  /** The content itself, if it is small; it belongs into the encrypted database only. */
  readonly inline: Buffer | undefined;
  /** Name of the file in the spool, if it is large: its chunks, sealed under the content key. */
  readonly file: string | undefined;
  /** Its chunks, where small content was sealed before. */
  readonly sealed?: readonly Buffer[];
}

/** Chunks that are written and read at once. */
const RUN = 16;

const NOTHING = Buffer.alloc(0);

/** The `outbox` folder: large letters as they will travel, encrypted chunk by chunk. */
export class Spool {
  readonly #directory: string;
  readonly #random: (length: number) => Buffer;

  /** Removes every file that is not in use. */
  constructor(home: string, random: (length: number) => Buffer, inUse: ReadonlySet<string>) {
    this.#directory = join(home, "outbox");
    this.#random = random;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#directory)) if (!inUse.has(name)) rmSync(join(this.#directory, name));
  }

  /** Reads the content once; when this resolves, a large one is on disk. @throws Failure("too-big" | "full") */
  async store(content: AsyncIterable<Uint8Array>): Promise<SpooledContent> {
    const contentKey = this.#random(32);
    const hash = new ManifestHash();
    const small: Uint8Array[] = [];
    let size = 0;
    let writer: ChunkWriter | undefined;
    try {
      for await (const piece of content) {
        size += piece.length;
        if (size > LETTER_SIZE_MAX) throw new Failure("too-big", `a letter holds at most ${LETTER_SIZE_MAX} bytes`);
        hash.update(piece);
        if (writer === undefined && size > INLINE_MAX) {
          writer = await ChunkWriter.create(this.#directory, this.#random(16).toString("hex"), contentKey);
          for (const early of small) await writer.write(early);
          small.length = 0;
        }
        if (writer === undefined) small.push(Buffer.from(piece));
        else await writer.write(piece);
      }
      await writer?.finish();
    } catch (error) {
      await writer?.abandon();
      throw storageFailure(error);
    }
    const manifestHash = hash.digest(size);
    if (writer !== undefined) return { contentKey, manifestHash, size, inline: undefined, file: writer.name };
    return { contentKey, manifestHash, size, inline: Buffer.concat(small, size), file: undefined };
  }

  /** The sealed chunks from one index on, padding included. @throws Failure("damaged") */
  async *chunks(content: SpooledContent, from: number, cells: number): AsyncGenerator<Buffer> {
    const { contentKey, inline = NOTHING, file, sealed } = content;
    const data = dataChunks(content.size);
    if (file !== undefined && from < data) {
      const handle = await open(join(this.#directory, file), "r").catch((error: unknown) => {
        throw new Failure("damaged", "a letter's file is missing from the outbox folder", { cause: error });
      });
      try {
        for (let index = from; index < data; ) {
          const end = Math.min(index + RUN, data);
          const start = sealedStart(index);
          const run = await readFully(handle, start, sealedStart(end) - start);
          for (; index < end; index++) yield run.subarray(sealedStart(index) - start, sealedStart(index + 1) - start);
        }
      } finally {
        await handle.close();
      }
    }
    for (let index = file === undefined ? from : Math.max(from, data); index < cells; index++)
      yield sealed?.[index] ?? sealChunk(contentKey, index, inlineChunk(inline, index));
  }

  async remove(file: string): Promise<void> {
    await rm(join(this.#directory, file), { force: true });
  }
}

/** Cuts the content into chunks, and writes them sealed. */
class ChunkWriter {
  readonly name: string;
  readonly #directory: string;
  readonly #handle: FileHandle;
  readonly #key: Buffer;
  #chunk = Buffer.alloc(FIRST_CHUNK);
  #filled = 0;
  #index = 0;
  #sealed: Buffer[] = [];

  private constructor(directory: string, name: string, handle: FileHandle, key: Buffer) {
    this.#directory = directory;
    this.name = name;
    this.#handle = handle;
    this.#key = key;
  }

  static async create(directory: string, name: string, key: Buffer): Promise<ChunkWriter> {
    return new ChunkWriter(directory, name, await open(join(directory, name), "wx", 0o600), key);
  }

  async write(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      if (this.#filled === this.#chunk.length) await this.#seal();
      const taken = Math.min(piece.length - at, this.#chunk.length - this.#filled);
      this.#chunk.set(piece.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
    }
  }

  async finish(): Promise<void> {
    if (this.#filled > 0) await this.#seal();
    await this.#flush();
    await this.#handle.sync();
    await this.#handle.close();
    await syncDirectory(this.#directory);
  }

  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(join(this.#directory, this.name), { force: true });
  }

  async #seal(): Promise<void> {
    this.#sealed.push(sealChunk(this.#key, this.#index++, this.#chunk.subarray(0, this.#filled)));
    this.#filled = 0;
    if (this.#chunk.length !== CHUNK) this.#chunk = Buffer.alloc(CHUNK);
    if (this.#sealed.length >= RUN) await this.#flush();
  }

  async #flush(): Promise<void> {
    const run = Buffer.concat(this.#sealed);
    this.#sealed = [];
    for (let at = 0; at < run.length; ) at += (await this.#handle.write(run, at)).bytesWritten;
  }
}

async function readFully(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(buffer, at, length - at, position + at);
    if (bytesRead === 0) throw new Failure("damaged", "a letter in the outbox folder is cut off");
    at += bytesRead;
  }
  return buffer;
}
