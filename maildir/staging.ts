import { rmSync } from "node:fs";
import { Failure } from "../foundation/failure.ts";
import { StructureParser } from "../mime/structure-parser.ts";
import { type PreparedContent, prepareContent, prepareParsed } from "./content-index.ts";
import type { LetterFile } from "./letter-file.ts";
import { checkSize, upTo, writeMessage, writingFailure } from "./message-writer.ts";
import { randomObjectId } from "./object-id.ts";
import { only, takeSmall } from "./small-content.ts";
import type { Storage } from "./storage.ts";
import type { StagedMessage, StageOptions } from "./store.ts";

/** A staged message as the store knows it. */
export class StagedFile implements StagedMessage {
  readonly size: number;
  readonly file: string;
  /** Where the file lies until it is inserted. */
  readonly path: string;
  readonly emailId: string;
  readonly internalDate: number;
  readonly content: PreparedContent;
  /** Of a deterministic name. */
  readonly claim: object | undefined;
  /** A committed row names it. */
  isInserted = false;

  constructor(fields: Omit<StagedFile, "contentHash" | "header" | "isInserted">) {
    this.size = fields.size;
    this.file = fields.file;
    this.path = fields.path;
    this.emailId = fields.emailId;
    this.internalDate = fields.internalDate;
    this.content = fields.content;
    this.claim = fields.claim;
  }

  get contentHash(): Buffer {
    return this.content.hash;
  }

  get header(): Buffer {
    return this.content.header;
  }
}

/**
 * Who staged a deterministic name last. Whoever staged it before must not be inserted: its file was, or is about to be,
 * overwritten.
 */
export class StagedNames {
  readonly #latest = new Map<string, object>();

  claim(file: string): object {
    const claim = {};
    this.#latest.set(file, claim);
    return claim;
  }

  holds({ file, claim }: StagedFile): boolean {
    return claim === undefined || this.#latest.get(file) === claim;
  }

  release(staged: StagedFile): void {
    if (staged.claim !== undefined && this.holds(staged)) this.#latest.delete(staged.file);
  }
}

/** The store's own view of what it handed out. */
export function stagedFile(staged: StagedMessage): StagedFile {
  if (!(staged instanceof StagedFile)) throw new Error("the message was staged by another store");
  return staged;
}

/** Writes a message into the folder; durable afterwards. @throws Failure too-big, full, forbidden, nonexistent */
export async function stage(
  storage: Storage,
  folder: string,
  content: AsyncIterable<Uint8Array> | Buffer,
  options: StageOptions,
): Promise<StagedFile> {
  const { folders, clock } = storage;
  const file = options.name === undefined ? folders.randomName() : folders.nameOf(options.name);
  const emailId = randomObjectId();
  const internalDate = options.internalDate ?? clock.now();
  // A committed message of that name may still lie in `new`: it must not be overwritten by a repeat.
  if (options.name !== undefined && storage.messages.hasFile(file))
    throw new Failure("already-exists", "this message was stored before");
  const claim = options.name === undefined ? undefined : storage.staged.claim(file);
  const place = {
    internalDate,
    emailId,
    temporary: folders.tmp(folder, folders.randomName()),
    path: folders.fresh(folder, file),
    directory: folders.fresh(folder),
  };
  const taken = Buffer.isBuffer(content) ? content : await takeSmall(content);
  const written = await write(storage, taken, place);
  return new StagedFile({ ...written, file, path: place.path, emailId, internalDate, claim });
}

type Place = Omit<LetterFile, "octets"> & { readonly directory: string };

type Written = Pick<StagedFile, "size" | "content">;

async function write(storage: Storage, content: AsyncIterable<Uint8Array> | Buffer, place: Place): Promise<Written> {
  const isSmall = Buffer.isBuffer(content);
  try {
    if (!storage.letters.isReady) return await writeHere(storage, isSmall ? only(content) : content, place);
    return await (isSmall ? writeBeside(storage, content, place) : writeLargeBeside(storage, content, place));
  } catch (error) {
    throw writingFailure(error);
  }
}

/** Parses while another thread seals and writes. */
async function writeBeside(
  { letters, appendLimit }: Storage,
  octets: Buffer,
  { directory, ...place }: Place,
): Promise<Written> {
  checkSize(octets.length, appendLimit);
  const writing = letters.write({ octets, ...place }, directory);
  writing.catch(() => undefined);
  const parser = new StructureParser();
  parser.push(octets);
  const prepared = prepareParsed(parser.end());
  return { size: octets.length, content: { ...prepared, hash: await writing } };
}

/** All of it is another thread's work. */
async function writeLargeBeside(
  { letters, appendLimit }: Storage,
  content: AsyncIterable<Uint8Array>,
  { directory, ...place }: Place,
): Promise<Written> {
  const written = await letters.writeLarge(place, directory, upTo(content, appendLimit));
  return { size: written.size, content: prepareContent(written) };
}

async function writeHere(
  { recipients, appendLimit, sync }: Storage,
  content: AsyncIterable<Uint8Array>,
  { directory, ...place }: Place,
): Promise<Written> {
  const syncDirectory = () => sync.sync(directory);
  const written = await writeMessage({ content: upTo(content, appendLimit), recipients, ...place, syncDirectory });
  return { size: written.size, content: prepareContent(written) };
}

/** Removes the file, unless a committed row names it or somebody else staged the name after. */
export function discard({ messages, staged: names }: Pick<Storage, "messages" | "staged">, staged: StagedFile): void {
  if (!names.holds(staged) || messages.hasFile(staged.file)) return;
  names.release(staged);
  rmSync(staged.path, { force: true });
}
