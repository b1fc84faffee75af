import { Failure } from "../../foundation/failure.ts";
import { IMPORT_BATCH, SMALL_IMPORT } from "../limits.ts";
import type { InsertOptions, Maildir, MaildirMailbox, StagedMessage } from "../store.ts";
import { detectSource } from "./detect.ts";
import { joined } from "./header-reading.ts";
import { withCrlf } from "./line-ends.ts";
import type { ImportedMessage } from "./message-source.ts";

export interface ImportProgress {
  /** Messages that were looked at. */
  readonly done: number;
  /** Those that were not in the mailbox by an earlier import. */
  readonly added: number;
  /** Messages in all, where that is known. */
  readonly total?: number;
  /** Those that are larger than the store takes. */
  readonly tooBig: number;
}

export interface ImportOptions {
  /** Called after each batch. */
  readonly onProgress?: (progress: ImportProgress) => void;
  readonly signal?: AbortSignal;
}

interface Taken {
  readonly staged: StagedMessage;
  readonly options: InsertOptions;
}

/** Reads a message whole if it is small, so that many can be stored at the same time. */
async function takeSmall(content: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array> | Buffer> {
  const iterator = content[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    pieces.push(next.value);
    length += next.value.length;
    if (length > SMALL_IMPORT) return joined(Buffer.concat(pieces, length), iterator);
  }
  return Buffer.concat(pieces, length);
}

async function* only(octets: Buffer): AsyncGenerator<Buffer> {
  yield octets;
}

/** Collects staged messages and commits them together. */
class Importer {
  readonly #maildir: Maildir;
  readonly #mailbox: MaildirMailbox;
  #batch: Promise<Taken | undefined>[] = [];
  done = 0;
  added = 0;
  tooBig = 0;

  constructor(maildir: Maildir, mailbox: MaildirMailbox) {
    this.#maildir = maildir;
    this.#mailbox = mailbox;
  }

  /** True when the batch is full. */
  async take(message: ImportedMessage): Promise<boolean> {
    const content = await takeSmall(withCrlf(message.content));
    const staging = this.#stage(Buffer.isBuffer(content) ? only(content) : content, message);
    this.#batch.push(staging);
    // A failure is reported by the commit, which may be a while.
    const settled = staging.catch(() => undefined);
    // A large message is read from the file as it is stored, so the next one has to wait for it.
    if (!Buffer.isBuffer(content)) await settled;
    return this.#batch.length >= IMPORT_BATCH;
  }

  async commit(): Promise<void> {
    const results = await Promise.allSettled(this.#batch);
    const { id } = this.#mailbox;
    this.#batch = [];
    const taken = results.flatMap((result) => (result.status === "fulfilled" && result.value ? [result.value] : []));
    try {
      for (const result of results) if (result.status === "rejected") throw result.reason;
      this.added += (await this.#maildir.insertImported(id, taken)).length;
      this.done += results.length;
    } finally {
      for (const { staged } of taken) await this.#maildir.discard(staged);
    }
  }

  async #stage(
    content: AsyncIterable<Uint8Array>,
    { flags, internalDate }: ImportedMessage,
  ): Promise<Taken | undefined> {
    const options = { flags, ...(internalDate !== undefined && { internalDate: Math.trunc(internalDate) }) };
    try {
      const staged = await this.#maildir.stage(content, { mailboxId: this.#mailbox.id, ...options });
      return { staged, options };
    } catch (error) {
      if (!(error instanceof Failure && error.code === "too-big")) throw error;
      this.tooBig++;
      return undefined;
    }
  }
}

/**
 * Brings the messages of a file or folder into a mailbox, which is created if it is not there. What was imported into
 * it before, by content, is passed over, so an import that was interrupted is simply run again.
 * @throws Failure nonexistent, invalid, full
 */
export async function importMail(
  maildir: Maildir,
  path: string,
  folder: string,
  { onProgress, signal }: ImportOptions = {},
): Promise<ImportProgress> {
  const source = await detectSource(path);
  const mailbox = maildir.mailbox(folder) ?? (await maildir.create(folder));
  const importer = new Importer(maildir, mailbox);
  const progress = (): ImportProgress => {
    const { done, added, tooBig } = importer;
    return { done, added, tooBig, ...(source.total !== undefined && { total: source.total }) };
  };
  const commit = async (): Promise<void> => {
    await importer.commit();
    onProgress?.(progress());
  };
  try {
    for await (const message of source.messages) {
      if (signal?.aborted === true) break;
      if (await importer.take(message)) await commit();
    }
  } finally {
    await commit();
  }
  signal?.throwIfAborted();
  return progress();
}
