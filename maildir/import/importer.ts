import { Failure } from "../../foundation/failure.ts";
import { isKeyword, isSystemFlag } from "../flags.ts";
import { MAX_IMPORTED_KEYWORDS, MAX_KEYWORDS, STAGING_BATCH, STAGING_BATCH_OCTETS } from "../limits.ts";
import { takeSmall } from "../small-content.ts";
import type { ImportedLetter, ImportOrigin, InsertOptions, Maildir, MaildirMailbox } from "../store.ts";
import type { ImportedMessage } from "./message-source.ts";

/**
 * Brings messages into one mailbox: small ones are stored many at a time and committed together, while the next ones are
 * already taken. `finish` must be called, whatever happened before.
 */
export class Importer {
  readonly #maildir: Maildir;
  readonly #mailbox: MaildirMailbox;
  readonly #origin: ImportOrigin;
  readonly #onCommit: () => void;
  readonly #keywords: Set<string>;
  #batch: Promise<ImportedLetter | undefined>[] = [];
  #batchOctets = 0;
  #committing: Promise<void> = Promise.resolve();
  /** Messages that were looked at: what they bring is on the disk. */
  done = 0;
  /** Those that were not in the mailbox by an earlier import. */
  added = 0;
  /** Those that are larger than the store takes. */
  tooBig = 0;

  constructor(maildir: Maildir, mailbox: MaildirMailbox, onCommit: () => void, origin: ImportOrigin = {}) {
    this.#maildir = maildir;
    this.#mailbox = mailbox;
    this.#onCommit = onCommit;
    this.#origin = origin;
    this.#keywords = new Set(mailbox.keywords().map((keyword) => keyword.toLowerCase()));
  }

  /**
   * Takes a message; its content is consumed before this resolves, the message is stored some time after.
   * @throws what the content throws; Failure of an earlier commit
   */
  async take(message: ImportedMessage): Promise<void> {
    const content = await takeSmall(message.content);
    if (Buffer.isBuffer(content)) {
      const staging = this.#stage(content, message);
      // A failure is reported by the commit, which may be a while.
      staging.catch(() => undefined);
      this.#batch.push(staging);
      this.#batchOctets += content.length;
    } else {
      // A large message is read from its source as it is stored, so the next one has to wait for it.
      const letter = await this.#stage(content, message);
      this.#batch.push(Promise.resolve(letter));
    }
    if (this.#batch.length >= STAGING_BATCH || this.#batchOctets >= STAGING_BATCH_OCTETS) await this.#commit();
  }

  /** Counts a message that is known to be too big without being read. */
  refuse(): void {
    this.tooBig++;
    this.done++;
  }

  /** Stores what is left; all that was taken is on the disk afterwards. */
  async finish(): Promise<void> {
    const before = await this.#commit().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    await this.#committing;
    if (before !== undefined) throw before.error;
  }

  /** Begins to commit the batch, once the one before is on the disk. */
  async #commit(): Promise<void> {
    const batch = this.#batch;
    const previous = this.#committing;
    this.#batch = [];
    this.#batchOctets = 0;
    const committing = previous.catch(() => undefined).then(() => this.#store(batch));
    committing.catch(() => undefined);
    this.#committing = committing;
    await previous;
  }

  async #store(batch: readonly Promise<ImportedLetter | undefined>[]): Promise<void> {
    if (batch.length === 0) return;
    const results = await Promise.allSettled(batch);
    const letters = results.flatMap((result) => (result.status === "fulfilled" && result.value ? [result.value] : []));
    try {
      for (const result of results) if (result.status === "rejected") throw result.reason;
      this.added += (await this.#maildir.insertImported(this.#mailbox.id, letters, this.#origin)).length;
      this.done += results.length;
    } finally {
      for (const { staged } of letters) await this.#maildir.discard(staged);
    }
    this.#onCommit();
  }

  async #stage(
    content: AsyncIterable<Uint8Array> | Buffer,
    message: ImportedMessage,
  ): Promise<ImportedLetter | undefined> {
    const { internalDate, remoteUid } = message;
    const options: InsertOptions = {
      flags: this.#flags(message.flags),
      ...(internalDate !== undefined && { internalDate: Math.trunc(internalDate) }),
    };
    try {
      const staged = await this.#maildir.stage(content, { mailboxId: this.#mailbox.id, ...options });
      return { staged, options, remoteUid };
    } catch (error) {
      if (!(error instanceof Failure && error.code === "too-big")) throw error;
      this.tooBig++;
      return undefined;
    }
  }

  /** Those that the mailbox can keep: a server full of odd keywords must not stop the letters. */
  #flags(flags: readonly string[]): string[] {
    let room = MAX_IMPORTED_KEYWORDS;
    return flags.filter((flag) => {
      if (isSystemFlag(flag)) return true;
      if (!isKeyword(flag) || room-- <= 0) return false;
      const key = flag.toLowerCase();
      if (this.#keywords.has(key)) return true;
      if (this.#keywords.size >= MAX_KEYWORDS / 2) return false;
      this.#keywords.add(key);
      return true;
    });
  }
}
