import { createHash } from "node:crypto";
import { Failure } from "../../foundation/failure.ts";
import type { RemoteLetter } from "../../imap-client/remote-letters.ts";
import { messageId } from "../../mime/message-ids.ts";
import { STAGING_BATCH, STAGING_OCTETS } from "../limits.ts";
import type { LocalMailbox, StagedLetter } from "../ports.ts";
import { type FlagSet, formatFlags } from "./flags.ts";
import type { LedgerFolder, LedgerLetter, Orphan } from "./ledger.ts";
import type { SyncContext } from "./sync-context.ts";

/** What a letter became: stored, or known to be none that can be kept here. */
type Arrived =
  | {
      readonly kind: "staged";
      readonly letter: LedgerLetter;
      readonly staged: StagedLetter;
      readonly keywords: readonly string[];
      readonly remote: RemoteLetter;
    }
  | { readonly kind: "unkept"; readonly uid: number; readonly flags: string };

const NOTHING = Buffer.alloc(0);

/** The store failed, in contrast to the provider: nothing of it is the connection's fault. */
export class StoreFailed extends Error {}

/**
 * Brings letters of one folder into its mailbox: small ones are written many at a time and committed together with what
 * the ledger knows of them, while the next ones come. `finish` must be called, whatever happened before.
 */
export class Arrivals {
  readonly #context: SyncContext;
  readonly #folder: LedgerFolder;
  readonly #mailbox: LocalMailbox;
  readonly #fitting: (flags: readonly string[]) => FlagSet;
  #batch: Promise<Arrived>[] = [];
  #octets = 0;
  #committing: Promise<void> = Promise.resolve();
  /** Letters that are on the disk. */
  stored = 0;
  /** Letters that are larger than the store takes, or have no header that can be read. */
  unkept = 0;
  /** Letters that were here before, with the flags that the provider has now. */
  readonly adopted: { readonly uid: number; readonly flags: readonly string[] }[] = [];

  constructor(
    context: SyncContext,
    folder: LedgerFolder,
    mailbox: LocalMailbox,
    fitting: (flags: readonly string[]) => FlagSet,
  ) {
    this.#context = context;
    this.#folder = folder;
    this.#mailbox = mailbox;
    this.#fitting = fitting;
  }

  /**
   * Takes a letter; its content is consumed before this resolves.
   * @throws what the content throws; StoreFailed
   */
  async take(remote: RemoteLetter, content: AsyncIterable<Uint8Array>): Promise<void> {
    if (remote.content !== undefined) {
      const staging = this.#stage(remote, content);
      // A failure is reported by the commit, which may be a while.
      staging.catch(() => undefined);
      this.#batch.push(staging);
      this.#octets += remote.content.length;
    } else {
      const arrived = await this.#stage(remote, content);
      this.#batch.push(Promise.resolve(arrived));
    }
    if (this.#batch.length >= STAGING_BATCH || this.#octets >= STAGING_OCTETS) await this.#commit();
  }

  /** A letter that is known to be too big without being read. */
  refuse({ uid, flags }: RemoteLetter): void {
    this.#batch.push(Promise.resolve({ kind: "unkept", uid, flags: formatFlags(this.#fitting(flags)) }));
  }

  /** Stores what is left; all that was taken is on the disk afterwards. @throws StoreFailed */
  async finish(): Promise<void> {
    await this.#commit();
    await this.#committing;
  }

  /** Begins to commit the batch, once the one before is on the disk. */
  async #commit(): Promise<void> {
    const batch = this.#batch;
    const previous = this.#committing;
    this.#batch = [];
    this.#octets = 0;
    const committing = previous.catch(() => undefined).then(() => this.#store(batch));
    committing.catch(() => undefined);
    this.#committing = committing;
    await previous;
  }

  async #store(batch: readonly Promise<Arrived>[]): Promise<void> {
    if (batch.length === 0) return;
    const settled = await Promise.allSettled(batch);
    const arrived = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const { mail } = this.#context;
    try {
      await this.#insert(arrived);
    } catch (error) {
      for (const one of arrived) if (one.kind === "staged") await mail.discard(one.staged);
      throw new StoreFailed("the store failed", { cause: error });
    }
    for (const result of settled) if (result.status === "rejected") throw result.reason;
  }

  async #insert(arrived: readonly Arrived[]): Promise<void> {
    const { db, ledger, mail, origin } = this.#context;
    const adopted: Arrived[] = [];
    for (const one of arrived)
      if (one.kind === "staged" && (await this.#adopt(one))) {
        adopted.push(one);
        this.adopted.push({ uid: one.remote.uid, flags: one.remote.flags });
        await mail.discard(one.staged);
      }
    await db.commit(() => {
      for (const one of arrived) {
        if (adopted.includes(one)) continue;
        if (one.kind === "unkept") {
          const { uid, flags } = one;
          const nothing = { hash: NOTHING, storedHash: NOTHING, messageId: undefined, size: 0 };
          ledger.add(this.#folder.id, {
            uid,
            localUid: undefined,
            ...nothing,
            flags,
            fetchedAt: this.#context.clock.now(),
          });
          this.unkept++;
          continue;
        }
        const { letter, staged, keywords, remote } = one;
        const flags = [...(letter.flags === "" ? [] : letter.flags.split(" ")), ...keywords];
        const date = remote.internalDate === undefined ? {} : { internalDate: remote.internalDate };
        const localUid = mail.insert(this.#mailbox.id, staged, { flags, ...date, origin });
        ledger.add(this.#folder.id, { ...letter, localUid });
        this.stored++;
      }
    });
  }

  /** A letter that is here already: from before it was moved or numbered anew at the provider, or because it was sent here. */
  async #adopt({ letter }: Arrived & { kind: "staged" }): Promise<boolean> {
    const { db, ledger, ownCopy } = this.#context;
    for (const orphan of ledger.orphanOf(letter.hash)) {
      const localUid = await this.#bringHere(orphan, letter);
      if (localUid === undefined) continue;
      await db.commit(() => {
        ledger.settle(orphan.id);
        // The flags are compared afterwards, as if they had changed just now.
        ledger.add(this.#folder.id, { ...letter, localUid, storedHash: orphan.storedHash, flags: orphan.flags });
      });
      return true;
    }
    const copy = letter.messageId === undefined ? undefined : ownCopy(this.#mailbox, letter.messageId);
    if (copy === undefined || ledger.byLocalUid(this.#folder.id, copy) !== undefined) return false;
    const [here] = this.#mailbox.summaries([copy]);
    if (here === undefined) return false;
    await db.commit(() => ledger.add(this.#folder.id, { ...letter, localUid: copy, size: here.size }));
    return true;
  }

  /** The orphan's UID in this folder's mailbox, moved there where it lies elsewhere. */
  async #bringHere(orphan: Orphan, { messageId: id, size }: LedgerLetter): Promise<number | undefined> {
    const { mail, origin } = this.#context;
    const from = mail.mailboxById(orphan.mailbox);
    const there = from === undefined ? [] : [...from.summaries([orphan.localUid])];
    if (from === undefined || there.length === 0) return this.#unboundHere(id, size);
    if (from.id === this.#mailbox.id) return orphan.localUid;
    const { uids } = await from.move([orphan.localUid], this.#mailbox, origin);
    return uids[0]?.[1];
  }

  /** After a crash it may have come here already. */
  #unboundHere(id: string | undefined, size: number): number | undefined {
    if (id === undefined) return undefined;
    const { mail, ledger } = this.#context;
    const uids = mail.findByMessageId(this.#mailbox.id, id);
    return [...this.#mailbox.summaries(uids)].find(
      (letter) => letter.size === size && ledger.byLocalUid(this.#folder.id, letter.uid) === undefined,
    )?.uid;
  }

  /** @throws StoreFailed, and what the content throws */
  async #stage(remote: RemoteLetter, content: AsyncIterable<Uint8Array>): Promise<Arrived> {
    const { mail, read, account, clock } = this.#context;
    const { uid, internalDate } = remote;
    const flags = formatFlags(this.#fitting(remote.flags));
    const hash = createHash("sha256");
    let failure: { readonly error: unknown } | undefined;
    const watched = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for await (const piece of content) {
          hash.update(piece);
          yield piece;
        }
      } catch (error) {
        failure = { error };
        throw error;
      }
    };
    try {
      const { specialUse: folder } = this.#mailbox;
      const letter = await read({ account: account.address, content: watched(), ...(folder && { folder }) });
      if (letter.isHere === true) {
        await drain(letter.content);
        return { kind: "unkept", uid, flags };
      }
      const staged = await mail.stage(letter.content, {
        mailboxId: this.#mailbox.id,
        ...(internalDate !== undefined && { internalDate: Math.trunc(internalDate) }),
      });
      const id = messageId(staged.header);
      return {
        kind: "staged",
        staged,
        remote,
        keywords: letter.keywords,
        letter: {
          uid,
          localUid: undefined,
          hash: hash.digest(),
          storedHash: staged.contentHash,
          messageId: id === undefined ? undefined : `<${id}>`,
          size: staged.size,
          flags,
          fetchedAt: clock.now(),
        },
      };
    } catch (error) {
      if (failure !== undefined) throw failure.error;
      if (error instanceof Failure && (error.code === "too-big" || error.code === "invalid"))
        return { kind: "unkept", uid, flags };
      throw new StoreFailed("the store failed", { cause: error });
    }
  }
}

/** To its end, where the connection goes on. */
async function drain(content: AsyncIterable<Uint8Array>): Promise<void> {
  const pieces = content[Symbol.asyncIterator]();
  while ((await pieces.next()).done !== true);
}
