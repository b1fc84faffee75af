import { createHash } from "node:crypto";
import { closeSync, fsync, futimesSync, open, rmSync, writeSync, writev } from "node:fs";
import { rename } from "node:fs/promises";
import { promisify } from "node:util";
import { Failure, storageFailure } from "../foundation/failure.ts";
import type { Part } from "../mime/part.ts";
import { StructureParser } from "../mime/structure-parser.ts";
import type { AgeRecipient } from "./age/identity.ts";
import { AgeSealer } from "./age/sealer.ts";
import { WRITE_SIZE } from "./limits.ts";
import { isMissing } from "./mail-folders.ts";
import { padding } from "./padding.ts";

const openOf = promisify(open);
const fsyncOf = promisify(fsync);
const writevOf = promisify(writev);

/** What became known of a message while its file was written. */
export interface WrittenMessage {
  readonly size: number;
  readonly contentHash: Buffer;
  readonly header: Buffer;
  readonly root: Part;
}

export interface WriteRequest {
  /** A chunk is looked at only until the next one is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
  readonly recipients: readonly AgeRecipient[];
  readonly internalDate: number;
  readonly emailId: string;
  /** The name while it is written, and afterwards. */
  readonly temporary: string;
  readonly path: string;
  /** Syncs the directory of `path`. */
  readonly syncDirectory: () => Promise<void>;
}

/** A file that is opened only when there is enough to write, so that small messages take one write. */
class SealedFile {
  readonly #path: string;
  #fd: number | undefined;
  #pieces: Buffer[] = [];
  #length = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** True when `write` is due. */
  add(piece: Buffer): boolean {
    this.#pieces.push(piece);
    this.#length += piece.length;
    return this.#length >= WRITE_SIZE;
  }

  async write(): Promise<void> {
    const fd = await this.#open();
    const [pieces, length] = [this.#pieces, this.#length];
    this.#forget();
    const { bytesWritten } = await writevOf(fd, pieces);
    if (bytesWritten < length) writeAll(fd, Buffer.concat(pieces).subarray(bytesWritten));
  }

  /** Nothing is left to be written; the file's times tell nothing. */
  async finish(): Promise<void> {
    const fd = await this.#open();
    writeAll(fd, Buffer.concat(this.#pieces, this.#length));
    this.#forget();
    futimesSync(fd, 0, 0);
  }

  async sync(): Promise<void> {
    await fsyncOf(await this.#open());
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Creating a file may wait for the file system's journal while others sync; the event loop does not. */
  async #open(): Promise<number> {
    this.#fd ??= await openOf(this.#path, "wx", 0o600);
    return this.#fd;
  }

  #forget(): void {
    this.#pieces = [];
    this.#length = 0;
  }
}

function writeAll(fd: number, octets: Buffer): void {
  for (let offset = 0; offset < octets.length; ) offset += writeSync(fd, octets, offset);
}

/**
 * Seals a message into its file and parses it on the way; memory stays flat. File and name are on the disk afterwards:
 * both are synced at once, which is one commit of the file system's journal, not two, and a name that survives a power
 * cut without its content is in no index. On any failure nothing is left behind. @throws what the content throws, and what the file system says
 */
export async function writeMessage(request: WriteRequest): Promise<WrittenMessage> {
  const file = new SealedFile(request.temporary);
  let renamed = false;
  try {
    const sealer = new AgeSealer(request.recipients);
    const parser = new StructureParser();
    const hash = createHash("sha256");
    let size = 0;
    file.add(sealer.start);
    for await (const chunk of request.content) {
      size += chunk.length;
      hash.update(chunk);
      parser.push(chunk);
      for (const sealed of sealer.push(chunk)) if (file.add(sealed)) await file.write();
    }
    for (const piece of padding({ size, internalDate: request.internalDate, emailId: request.emailId }))
      for (const sealed of sealer.push(piece)) if (file.add(sealed)) await file.write();
    for (const sealed of sealer.end()) file.add(sealed);
    await file.finish();
    await rename(request.temporary, request.path);
    renamed = true;
    const syncing = Promise.allSettled([file.sync(), request.syncDirectory()]);
    const written = { size, contentHash: hash.digest(), ...parser.end() };
    for (const result of await syncing) if (result.status === "rejected") throw result.reason;
    file.close();
    return written;
  } catch (error) {
    file.close();
    rmSync(renamed ? request.path : request.temporary, { force: true });
    throw error;
  }
}

/** @throws Failure too-big past the limit; what the content throws */
export async function* upTo(content: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    checkSize(size, limit);
    yield chunk;
  }
}

/** @throws Failure too-big */
export function checkSize(octets: number, limit: number): void {
  if (octets > limit) throw new Failure("too-big", "the message is larger than this mailbox takes");
}

/** What is to be said of an error while a message's file was written. */
export function writingFailure(error: unknown): unknown {
  if (isMissing(error)) return new Failure("nonexistent", "the mailbox was removed meanwhile", { cause: error });
  return storageFailure(error);
}
