import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Content, inPieces } from "../../foundation/content.ts";
import { syncDirectory } from "../../foundation/durable-file.ts";
import { Failure, storageFailure } from "../../foundation/failure.ts";
import { writePieces } from "../../foundation/write-pieces.ts";
import { INLINE_MAX } from "../limits.ts";
import {
  CHUNK,
  chunkSize,
  dataChunks,
  inlineChunk,
  LETTER_SIZE_MAX,
  ManifestHash,
  sealChunk,
  sealChunkInPieces,
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
  async store(content: Content): Promise<SpooledContent> {
    const contentKey = this.#random(32);
    if (Buffer.isBuffer(content) && content.length <= INLINE_MAX) return inlineContent(contentKey, content);
    const hash = new ManifestHash();
    const small: Uint8Array[] = [];
    let size = 0;
    let writer: ChunkWriter | undefined;
    try {
      for await (const piece of inPieces(content)) {
        size += piece.length;
        if (size > LETTER_SIZE_MAX) throw new Failure("too-big", `a letter holds at most ${LETTER_SIZE_MAX} bytes`);
        if (size <= INLINE_MAX) {
          small.push(Buffer.from(piece));
          continue;
        }
        if (writer === undefined) {
          writer = await ChunkWriter.create(this.#directory, this.#random(16).toString("hex"), contentKey);
          const early = Buffer.concat(small);
          hash.update(early);
          await writer.write(early);
          small.length = 0;
        }
        hash.update(piece);
        await writer.write(piece);
      }
      await writer?.finish();
    } catch (error) {
      await writer?.abandon();
      throw storageFailure(error);
    }
    if (writer === undefined) return inlineContent(contentKey, Buffer.concat(small, size));
    return { contentKey, manifestHash: hash.digest(size), size, inline: undefined, file: writer.name };
  }

  /** The sealed chunks from one index on, padding included. @throws Failure("damaged") */
  async *chunks(content: SpooledContent, from: number, cells: number): AsyncGenerator<Buffer> {
    const { contentKey, inline = NOTHING, file, sealed } = content;
    const data = dataChunks(content.size);
    if (file !== undefined && from < data) {
      const handle = await this.#open(file);
      try {
        for (let index = from; index < data; ) {
          const end = Math.min(index + RUN, data);
          const start = sealedStart(index);
          const run = await readFully(handle, start, Buffer.allocUnsafe(sealedStart(end) - start));
          for (; index < end; index++) yield run.subarray(sealedStart(index) - start, sealedStart(index + 1) - start);
        }
      } finally {
        await handle.close();
      }
    }
    for (let index = file === undefined ? from : Math.max(from, data); index < cells; index++)
      yield sealed?.[index] ?? sealChunk(contentKey, index, inlineChunk(inline, index));
  }

  /** The file's octets from one on: the sealed chunks that hold any of the content. In pieces of so many octets, each valid until the next is asked for. @throws Failure("damaged") */
  async *octets({ file, size }: SpooledContent, from: number, most: number): AsyncGenerator<Buffer> {
    if (file === undefined) throw new Error("a small letter has no file");
    const end = sealedStart(dataChunks(size));
    const memory = Buffer.allocUnsafe(most);
    const handle = await this.#open(file);
    try {
      for (let at = from; at < end; at += most) {
        const piece = memory.subarray(0, Math.min(most, end - at));
        await readFully(handle, at, piece);
        yield piece;
      }
    } finally {
      await handle.close();
    }
  }

  async #open(file: string): Promise<FileHandle> {
    try {
      return await open(join(this.#directory, file), "r");
    } catch (error) {
      throw new Failure("damaged", "a letter's file is missing from the outbox folder", { cause: error });
    }
  }

  async remove(file: string): Promise<void> {
    await rm(join(this.#directory, file), { force: true });
  }
}

function inlineContent(contentKey: Buffer, content: Buffer): SpooledContent {
  const hash = new ManifestHash();
  hash.update(content);
  const size = content.length;
  return { contentKey, manifestHash: hash.digest(size), size, inline: content, file: undefined };
}

/** Cuts the content into chunks, and writes them sealed. */
class ChunkWriter {
  readonly name: string;
  readonly #directory: string;
  readonly #handle: FileHandle;
  readonly #key: Buffer;
  /** A chunk that did not come in one piece, as far as it has come. */
  readonly #begun = Buffer.alloc(CHUNK);
  #filled = 0;
  #index = 0;
  /** Chunks that are not written yet, in two pieces each. */
  #sealed: (readonly Buffer[])[] = [];

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
      const size = chunkSize(this.#index);
      if (this.#filled === 0 && piece.length - at >= size) {
        this.#seal(piece.subarray(at, at + size));
        at += size;
      } else {
        const taken = Math.min(piece.length - at, size - this.#filled);
        this.#begun.set(piece.subarray(at, at + taken), this.#filled);
        this.#filled += taken;
        at += taken;
        if (this.#filled === size) this.#sealBegun();
      }
      if (this.#sealed.length >= RUN) await this.#flush();
    }
  }

  async finish(): Promise<void> {
    if (this.#filled > 0) this.#sealBegun();
    await this.#flush();
    await this.#handle.sync();
    await this.#handle.close();
    await syncDirectory(this.#directory);
  }

  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(join(this.#directory, this.name), { force: true });
  }

  #sealBegun(): void {
    this.#seal(this.#begun.subarray(0, this.#filled));
    this.#filled = 0;
  }

  #seal(chunk: Uint8Array): void {
    this.#sealed.push(sealChunkInPieces(this.#key, this.#index++, chunk));
  }

  async #flush(): Promise<void> {
    const pieces = this.#sealed.flat();
    this.#sealed = [];
    if (pieces.length > 0) await writePieces(this.#handle, pieces);
  }
}

async function readFully(handle: FileHandle, position: number, buffer: Buffer): Promise<Buffer> {
  for (let at = 0; at < buffer.length; ) {
    const { bytesRead } = await handle.read(buffer, at, buffer.length - at, position + at);
    if (bytesRead === 0) throw new Failure("damaged", "a letter in the outbox folder is cut off");
    at += bytesRead;
  }
  return buffer;
}
