import type { ImapFlow } from "imapflow";
import { Failure } from "../../foundation/failure.ts";
import { isRefusedCommand, ProtocolBreach } from "../../imap-client/protocol-breach.ts";
import { fetchFlags, fetchLetters, fetchPieces, type RemoteLetter } from "../../imap-client/remote-letters.ts";
import { searchUids } from "../../imap-client/uids.ts";
import { EMPTYING, FETCH_BATCH, LETTER_ATTEMPTS, VANISHED_UNQUESTIONED } from "../limits.ts";
import type { LocalMailbox } from "../ports.ts";
import { Arrivals, StoreFailed } from "./arrivals.ts";
import type { LedgerFolder } from "./ledger.ts";
import { pushLocalChanges, removeAtProvider } from "./local-changes.ts";
import { applyRemoteFlags, fittingFlags, type RemoteFlags } from "./remote-flags.ts";
import type { SyncContext } from "./sync-context.ts";
import { isHere } from "./verify.ts";

const DAY = 24 * 3_600_000;

/** Letters that are looked at in one go before they are removed at the provider. */
const EXPIRED_BATCH = 50;

/** One folder of the provider and its mailbox here. It outlives connections; each step leaves both sides in order. */
export class FolderSync {
  readonly id: number;
  readonly path: string;
  readonly specialUse: string | undefined;
  readonly #context: SyncContext;
  /** Letters outside of this search are not looked at. */
  readonly #only: string | undefined;
  /** The provider has told on selecting what changed since the last comparison. */
  #resumed = false;
  /** What changed is too much, or too unclear, to be told: the provider is not asked for it again before all was compared. */
  #wantsWhole = false;
  /** UIDs at the provider that are to be fetched, the newest first. */
  #missing: number[] = [];
  /** How often a letter was asked for by itself. */
  readonly #attempts = new Map<number, number>();
  /** Letters that are asked for one by one, since a batch with them did not come. */
  #suspects = 0;
  /** All that the provider has was compared on this connection. */
  compared = false;
  /** The provider told, or may have, that something is new here; all of it has to be compared where `all`. */
  news: "none" | "new" | "all" = "all";
  /** Something was changed here. */
  changedHere = true;
  /** Until then letters that vanish are kept: somebody, or something, empties the folder. */
  #keepsUntil = 0;
  /** Letters at the provider, as it said last. */
  total = 0;
  /** Why nothing is done with it until the next look, in the provider's words. */
  trouble: string | undefined;

  constructor(
    context: SyncContext,
    { id, path }: LedgerFolder,
    { specialUse, only }: { readonly specialUse: string | undefined; readonly only?: string | undefined },
  ) {
    this.#context = context;
    this.id = id;
    this.path = path;
    this.specialUse = specialUse;
    this.#only = only;
  }

  /** Whether it shows letters of the whole account by some rule. */
  get isView(): boolean {
    return this.#only !== undefined;
  }

  /** The provider's, as it is known. */
  get uidValidity(): string {
    return this.#folder().uidValidity;
  }

  get missing(): number {
    return this.#missing.length;
  }

  /** Letters that the provider does not hand out. */
  get failed(): number {
    return [...this.#attempts.values()].filter((attempts) => attempts >= LETTER_ATTEMPTS).length;
  }

  /** Our mailbox; undefined once the user has removed it. */
  get mailbox(): LocalMailbox | undefined {
    const { ledger, mail } = this.#context;
    return mail.mailboxById(ledger.folder(this.id)?.mailbox ?? "");
  }

  /** What is known may be out of date: all is to be compared. */
  distrust(): void {
    this.compared = false;
    this.news = "all";
    this.changedHere = true;
    this.#resumed = false;
  }

  /** The provider has told more than can be remembered, or what makes no sense. */
  compareWhole(): void {
    this.distrust();
    this.#wantsWhole = true;
  }

  /**
   * Selects the folder, if it is not; its letters are to be compared anew where the provider has numbered them anew. A
   * provider with QRESYNC (RFC 7162 section 3.2.5) tells meanwhile what changed since the last comparison.
   */
  async select(client: ImapFlow): Promise<void> {
    const { ledger, db } = this.#context;
    const folder = this.#folder();
    if (client.mailbox === false || client.mailbox.path !== this.path) {
      const { modSeq, uidValidity } = folder;
      const canResume = modSeq > 0n && uidValidity !== "" && !this.isView && !this.#wantsWhole;
      // Set before, so that whatever makes the folder distrusted meanwhile counts.
      this.#resumed = canResume;
      await client.mailboxOpen(this.path, canResume ? { changedSince: modSeq, uidValidity } : {});
      this.#resumed &&= client.mailbox !== false && "qresync" in client.mailbox && client.mailbox.qresync === true;
    }
    const selected = client.mailbox;
    if (selected === false) throw new ProtocolBreach("the provider does not open the folder");
    const uidValidity = String(selected.uidValidity ?? "");
    if (folder.uidValidity === uidValidity) return;
    this.#resumed = false;
    this.compared = false;
    this.news = "all";
    this.#missing = [];
    this.#attempts.clear();
    await db.commit(() => {
      for (const uid of ledger.uids(folder.id)) ledger.orphan(folder, uid, "renumbered");
      ledger.setUidValidity(folder.id, uidValidity);
    });
  }

  /** Compares all: which letters there are, and which flags they have. The folder is selected. */
  async compare(client: ImapFlow): Promise<void> {
    const { ledger, db } = this.#context;
    const mailbox = this.#requireMailbox();
    await mailbox.ready();
    const folder = this.#folder();
    const selected = client.mailbox;
    if (selected === false) throw new ProtocolBreach("the folder is not open");
    const modSeq = selected.noModseq === true ? 0n : (selected.highestModseq ?? 0n);
    this.news = "none";
    this.trouble = undefined;
    if (this.#resumed && (await this.#isAllTold(client))) {
      await db.commit(() => ledger.setModSeq(folder.id, modSeq));
      this.compared = true;
      return;
    }
    const uids = await searchUids(client, { only: this.#only });
    this.#wantsWhole = false;
    const known = new Set(ledger.uids(folder.id));
    this.total = uids.length;
    this.#missing = uids.filter((uid) => !known.has(uid) && !this.#givenUp(uid)).reverse();
    for (const uid of uids) known.delete(uid);
    await this.#vanished(folder, [...known], uids.length);
    if (modSeq === 0n || modSeq !== folder.modSeq) {
      const since = modSeq > 0n && folder.modSeq > 0n ? folder.modSeq : undefined;
      const changed: RemoteFlags[] = [];
      if (ledger.count(folder.id) > 0)
        for await (const letter of fetchFlags(client, since)) {
          const before = ledger.letter(folder.id, letter.uid);
          if (before !== undefined) changed.push(letter);
          if (changed.length > uids.length)
            throw new ProtocolBreach("the provider tells of more letters than there are");
        }
      await applyRemoteFlags(this.#context, folder, mailbox, changed);
    }
    await db.commit(() => ledger.setModSeq(folder.id, modSeq));
    this.compared = true;
  }

  /** Whether what was told on selecting, and what is new, is all: then there are as many letters as the provider counts. */
  async #isAllTold(client: ImapFlow): Promise<boolean> {
    this.#resumed = false;
    const { ledger } = this.#context;
    const uids = await searchUids(client, { from: ledger.uidNext(this.id) });
    const exists = client.mailbox === false ? undefined : client.mailbox.exists;
    if (exists !== ledger.count(this.id) + uids.length) return false;
    this.total = exists;
    this.#missing = uids.reverse();
    return true;
  }

  /** Finds what came since all was compared. The folder is selected. */
  async findNew(client: ImapFlow): Promise<void> {
    this.news = "none";
    const highest = Math.max(this.#context.ledger.uidNext(this.id) - 1, this.#missing[0] ?? 0);
    const found = await searchUids(client, { from: highest + 1, only: this.#only });
    const uids = found.filter((uid) => !this.#givenUp(uid));
    this.total += uids.length;
    this.#missing = [...uids.reverse(), ...this.#missing];
  }

  /** What the provider told of letters by itself; whether any vanished that are known here. */
  async applyTold(flags: readonly RemoteFlags[], vanished: readonly number[]): Promise<boolean> {
    const mailbox = this.#requireMailbox();
    const folder = this.#folder();
    if (flags.length > 0) await applyRemoteFlags(this.#context, folder, mailbox, flags);
    const { ledger } = this.#context;
    const gone = vanished.filter((uid) => ledger.letter(folder.id, uid) !== undefined);
    const unheardOf = new Set(vanished);
    this.#missing = this.#missing.filter((uid) => !unheardOf.has(uid));
    if (gone.length > 0) await this.#vanished(folder, gone, ledger.count(folder.id) - gone.length);
    return gone.length > 0;
  }

  /**
   * Fetches letters that are missing, the newest first, until none is or there is something better to do. While some are
   * stored the next ones come. The folder is selected. What was taken is on the disk when this settles, whether it resolves
   * or rejects. @throws StoreFailed, ProtocolBreach, and what the connection throws
   */
  async fetch(client: ImapFlow, hasBetterToDo: () => boolean): Promise<void> {
    const mailbox = this.#requireMailbox();
    const folder = this.#folder();
    const arrivals = new Arrivals(this.#context, folder, mailbox, fittingFlags(mailbox));
    let failure: { readonly error: unknown; readonly batch: readonly number[]; readonly settled: number } | undefined;
    do {
      const batch = this.#missing.slice(0, this.#suspects > 0 ? 1 : FETCH_BATCH);
      const settled = new Set<number>();
      try {
        await this.#fetchBatch(client, batch, arrivals, settled);
      } catch (error) {
        failure = { error, batch, settled: settled.size };
      }
      this.#missing = this.#missing.filter((uid) => !settled.has(uid));
      this.#suspects = Math.max(0, this.#suspects - settled.size);
    } while (failure === undefined && this.#missing.length > 0 && !hasBetterToDo());
    await arrivals.finish();
    if (arrivals.adopted.length > 0) await applyRemoteFlags(this.#context, folder, mailbox, arrivals.adopted);
    if (failure !== undefined) this.#afterFailure(failure, client);
  }

  /** Settled are those that need not be asked for again. */
  async #fetchBatch(
    client: ImapFlow,
    batch: readonly number[],
    arrivals: Arrivals,
    settled: Set<number>,
  ): Promise<void> {
    const { mail } = this.#context;
    const long: RemoteLetter[] = [];
    for await (const letter of fetchLetters(client, [...batch].reverse())) {
      if (letter.content === undefined) {
        if (letter.size <= mail.appendLimit) long.push(letter);
        else {
          arrivals.refuse(letter);
          settled.add(letter.uid);
        }
        continue;
      }
      await arrivals.take(letter, only(letter.content));
      settled.add(letter.uid);
    }
    for (const letter of long) {
      await arrivals.take(letter, fetchPieces(client, letter.uid));
      settled.add(letter.uid);
    }
    // What the provider does not mention was removed there meanwhile.
    for (const uid of batch) settled.add(uid);
  }

  /** Leaves the folder alone until the next look. */
  setAside(trouble: string): void {
    this.trouble = trouble;
    this.compared = false;
    this.news = "all";
    this.#missing = [];
  }

  /** Whether anything was changed here that the provider may have to be told. */
  async needsPush(): Promise<boolean> {
    const mailbox = this.#requireMailbox();
    await mailbox.ready();
    if (mailbox.status().highestModSeq !== this.#folder().localModSeq) return true;
    this.changedHere = false;
    return false;
  }

  /** Tells the provider what was changed here. The folder is selected. */
  async push(client: ImapFlow): Promise<void> {
    const mailbox = this.#requireMailbox();
    this.changedHere = false;
    try {
      await pushLocalChanges(this.#context, client, this.#folder(), mailbox);
    } catch (error) {
      this.changedHere = true;
      throw error;
    }
  }

  /** Whether letters have been here for as long as the provider is to keep them. */
  expires(): boolean {
    return this.#expired(1).length > 0;
  }

  /** Removes those at the provider, each after it was read back here. The folder is selected. */
  async expireSome(client: ImapFlow): Promise<void> {
    const mailbox = this.#requireMailbox();
    const { ledger, db, logger } = this.#context;
    const letters = this.#expired(EXPIRED_BATCH);
    const verified: number[] = [];
    for (const letter of letters) {
      if (await isHere(mailbox, letter)) verified.push(letter.uid);
      else {
        // It stays at the provider: here it is damaged, or was changed.
        logger("warn", "a letter could not be read back, so it stays at the provider");
        await db.commit(() => ledger.unbind(this.id, letter.uid));
      }
    }
    await removeAtProvider(this.#context, client, this.#folder(), verified);
  }

  /** What STATUS says now, to be compared with later; only once nothing is left to be done. */
  settle(status: string): void {
    const { ledger, db } = this.#context;
    db.transaction(() => ledger.setSeen(this.id, status));
  }

  get seen(): string | undefined {
    return this.#context.ledger.folder(this.id)?.seen;
  }

  #expired(limit: number): ReturnType<SyncContext["ledger"]["fetchedBefore"]> {
    const { account, ledger, clock } = this.#context;
    if (account.keeping.kind === "keep" || this.specialUse === "\\Drafts") return [];
    return ledger.fetchedBefore(this.id, clock.now() - account.keeping.afterDays * DAY, limit);
  }

  async #vanished(folder: LedgerFolder, uids: readonly number[], left: number): Promise<void> {
    if (uids.length === 0) return;
    const { account, ledger, db, notify, clock } = this.#context;
    // They may be told of in many small portions, of which none looks like much.
    const waiting = ledger.vanishedFrom(folder.id);
    const all = uids.length + waiting.length;
    const tooMany = all > VANISHED_UNQUESTIONED && all > left;
    const isKept = account.keeping.kind === "delete" || tooMany || clock.now() < this.#keepsUntil;
    await db.commit(() => {
      for (const uid of uids) {
        if (isKept) ledger.forget(folder.id, uid);
        else ledger.orphan(folder, uid, "vanished");
      }
      if (tooMany) for (const orphan of waiting) ledger.settle(orphan);
    });
    if (!tooMany || account.keeping.kind === "delete") return;
    const isTold = clock.now() < this.#keepsUntil;
    this.#keepsUntil = clock.now() + EMPTYING;
    if (!isTold)
      notify(
        "Many letters vanished at your provider",
        `${all} letters of the folder ${folder.path} are gone from ${account.address}, more than are left there. They are kept here.\n` +
          "If you removed them yourself, remove them here too.",
      );
  }

  /** @throws what cannot be got over on this connection */
  #afterFailure(
    { error, batch, settled }: { readonly error: unknown; readonly batch: readonly number[]; readonly settled: number },
    client: ImapFlow,
  ): void {
    if (error instanceof StoreFailed) throw error;
    const [first = 0] = batch;
    if (batch.length === 1 && settled === 0) {
      const attempts = (this.#attempts.get(first) ?? 0) + 1;
      this.#attempts.set(first, attempts);
      if (attempts >= LETTER_ATTEMPTS) this.#missing = this.#missing.filter((uid) => uid !== first);
    } else if (settled === 0) this.#suspects = batch.length;
    if (!isRefusedCommand(error) || !client.usable) throw error;
  }

  #givenUp(uid: number): boolean {
    return (this.#attempts.get(uid) ?? 0) >= LETTER_ATTEMPTS;
  }

  #folder(): LedgerFolder {
    const folder = this.#context.ledger.folder(this.id);
    if (folder === undefined) throw gone("the account was removed");
    return folder;
  }

  #requireMailbox(): LocalMailbox {
    const { mailbox } = this;
    if (mailbox === undefined) throw gone("the mailbox was removed");
    return mailbox;
  }
}

/** The user has taken away what was being worked on. */
function gone(what: string): StoreFailed {
  return new StoreFailed(what, { cause: new Failure("nonexistent", what) });
}

async function* only(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}
