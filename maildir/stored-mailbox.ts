import { setImmediate } from "node:timers/promises";
import { errorCode, Failure } from "../foundation/failure.ts";
import { formatBodyStructure } from "../mime/body-structure.ts";
import type { MessageLinks } from "../mime/message-ids.ts";
import type { Part } from "../mime/part.ts";
import type { SortAddresses, SortFields } from "../mime/sort-fields.ts";
import { appendMessages } from "./append.ts";
import type { FilePlace } from "./disk-names.ts";
import { changeFlags, type FlagChanges, spellKeywords } from "./flag-changes.ts";
import { applyChange, type FlagSet, maildirLetters, parseFlags } from "./flags.ts";
import { EXPUNGE_COST, EXPUNGE_LOG_INTERVAL, MAX_EXPUNGE_LOG, READS_PER_WRITE } from "./limits.ts";
import type { Counters, MailboxRow } from "./mailbox-index.ts";
import type {
  AppendRequest,
  CopyResult,
  FlagChange,
  MailboxChange,
  MailboxStatus,
  MessageSummary,
  SearchPlace,
  SpecialUse,
} from "./message.ts";
import { readStoredMessage } from "./message-access.ts";
import { type ColumnRow, firstAtLeast, MessageColumns } from "./message-columns.ts";
import type { FlaggedFile, StoredMessage } from "./message-index.ts";
import { randomObjectId } from "./object-id.ts";
import type { StagedFile } from "./staging.ts";
import { type Storage, setAnnotations } from "./storage.ts";
import type { InsertOptions, MaildirMailbox } from "./store.ts";
import { searchText } from "./text-search.ts";
import { transfer } from "./transfer.ts";
import { commitInTurns, inSlices } from "./turns.ts";
import { ascending } from "./uid-list.ts";

/** A message that is to come into a mailbox, and where its file is until then. */
export interface Arrival {
  readonly message: Omit<StoredMessage, "uid" | "modSeq" | "saveDate">;
  readonly path: string;
}

/** A mailbox on disk and in the index. */
export class StoredMailbox implements MaildirMailbox {
  readonly row: number;
  readonly id: string;
  readonly specialUse: SpecialUse | undefined;
  readonly uidValidity: number;
  #name: string;
  #folder: string;
  #recentFrom: number;
  /** It is not what the index says. */
  #recentUnsaved = false;
  #columns: MessageColumns | undefined;
  /** All messages are in the columns, and what comes is to be added. */
  #whole = false;
  #loading: Promise<void> | undefined;
  /** As the last commit left them. */
  #keywords: readonly string[] | undefined;
  readonly #storage: Storage;
  readonly #watchers = new Set<(change: MailboxChange) => void>();

  constructor(storage: Storage, row: MailboxRow) {
    this.#storage = storage;
    this.row = row.id;
    this.id = row.objectId;
    this.specialUse = row.specialUse ?? undefined;
    this.uidValidity = row.uidValidity;
    this.#name = row.name;
    this.#folder = row.folder;
    this.#recentFrom = row.recentFrom;
  }

  get name(): string {
    return this.#name;
  }

  get folder(): string {
    return this.#folder;
  }

  /** Reads what is asked of every message into memory, and lets others have their turn. */
  async ready(): Promise<void> {
    if (this.#whole) return;
    this.#loading ??= this.#loadInTurns().finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
  }

  status(): MailboxStatus {
    const { uidNext, highestModSeq } = this.counters();
    const { uids, totals } = this.#loaded();
    const recent = uids.length - firstAtLeast(uids, this.#recentFrom);
    return { ...totals, recent, uidNext, highestModSeq };
  }

  uids(): readonly number[] {
    return this.#loaded().uids.slice();
  }

  claimRecent(): readonly number[] {
    const { uids } = this.#loaded();
    const recent = uids.slice(firstAtLeast(uids, this.#recentFrom));
    const last = recent.at(-1);
    if (last === undefined) return recent;
    this.#recentFrom = last + 1;
    // Whether \Recent outlives a crash matters to nobody: it has no transaction of its own.
    this.#recentUnsaved = true;
    return recent;
  }

  /** Writes which messages are recent, if others are than the index says; in the caller's transaction. Rolled back, it waits for the next claim. */
  saveRecent(): void {
    if (!this.#recentUnsaved) return;
    this.#storage.mailboxes.setRecentFrom(this.row, this.#recentFrom);
    this.#recentUnsaved = false;
  }

  keywords(): readonly string[] {
    const { messages, db } = this.#storage;
    if (db.sqlite.inTransaction) return messages.keywords(this.row);
    this.#keywords ??= messages.keywords(this.row);
    return this.#keywords;
  }

  uidsByFlag(flag: string, has: boolean): readonly number[] {
    return this.#loaded().uidsByFlag(flag, has);
  }

  summaries(uids: readonly number[]): Iterable<MessageSummary> {
    return this.#loaded().summaries(ascending(uids), (uid) => this.#storage.messages.objectIds(this.row, uid));
  }

  /** Which content each of the messages has; undefined where there is no such message. */
  contents(uids: readonly number[]): readonly (number | undefined)[] {
    return this.#loaded().contents(uids);
  }

  envelopes(uids: readonly number[]): readonly (string | undefined)[] {
    return this.#storage.contents.envelopes(this.contents(uids));
  }

  bodyStructures(uids: readonly number[], extensible: boolean): readonly (string | undefined)[] {
    if (extensible) return this.#storage.contents.bodyStructures(this.contents(uids));
    return uids.map((uid) => {
      const root = this.structure(uid);
      return root === undefined ? undefined : formatBodyStructure(root, false);
    });
  }

  headers(uids: readonly number[]): readonly (Buffer | undefined)[] {
    return this.#storage.contents.headers(this.contents(uids));
  }

  headerFields(uids: readonly number[], names: ReadonlySet<string>): readonly (string | undefined)[] {
    return this.#storage.contents.headerFields(this.contents(uids), names);
  }

  sortFields(uids: readonly number[]): readonly (SortFields | undefined)[] {
    return this.#storage.contents.sorting.fields(this.contents(uids));
  }

  sortAddresses(uids: readonly number[]): readonly (SortAddresses | undefined)[] {
    return this.#storage.contents.sorting.addresses(this.contents(uids));
  }

  threadFields(uids: readonly number[]): readonly ((SortFields & MessageLinks) | undefined)[] {
    return this.#storage.contents.sorting.threadFields(this.contents(uids));
  }

  kept(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#storage.kept.of(this.row);
  }

  async keep(octets: Uint8Array): Promise<void> {
    try {
      await this.#storage.kept.replace(this.row, octets);
    } catch (error) {
      this.#storage.logger("warn", "what was to be found again after a start could not be kept", {
        reason: errorCode(error),
      });
    }
  }

  structure(uid: number): Part | undefined {
    return this.#storage.contents.structure(this.row, uid);
  }

  read(uid: number, start: number, end: number): AsyncIterable<Uint8Array> {
    return readStoredMessage(this.#storage, this, uid, start, end);
  }

  append(messages: AsyncIterable<AppendRequest> | Iterable<AppendRequest>, origin?: object): Promise<number[]> {
    return appendMessages(this.#storage, this, messages, origin);
  }

  /** The UID, if a message of this mailbox has it. */
  existing(uid: number | undefined): number | undefined {
    return uid !== undefined && this.#storage.messages.one(this.row, uid) !== undefined ? uid : undefined;
  }

  /** Puts staged messages in, under one MODSEQ; runs inside a transaction. */
  insert(staged: readonly StagedFile[], options: readonly InsertOptions[], origin?: object): number[] {
    const { contents } = this.#storage;
    const arrivals = staged.map((one, index): Arrival => {
      this.#checkInsertable(one);
      const { flags = [], internalDate = one.internalDate } = options[index] ?? {};
      const threadId = contents.joinThread(one.content, randomObjectId);
      const content = contents.insert(one.content);
      const { size, emailId, file, path } = one;
      const date = Math.trunc(internalDate);
      return { path, message: { ...this.flagSet(flags), internalDate: date, size, emailId, threadId, content, file } };
    });
    this.#storage.db.afterCommit(() => {
      for (const one of staged) {
        one.isInserted = true;
        this.#storage.staged.release(one);
      }
      this.#storage.wakeIndexer();
    });
    return this.admit(arrivals, origin);
  }

  /** @throws Failure already-exists, busy */
  #checkInsertable(one: StagedFile): void {
    const { messages, staged } = this.#storage;
    const holds = staged.holds(one);
    if (one.isInserted || (!holds && messages.hasFile(one.file)))
      throw new Failure("already-exists", "this message was stored before");
    if (!holds) throw new Failure("busy", "the message was staged once more meanwhile");
  }

  /** Gives UIDs to messages and one MODSEQ to all; runs inside a transaction. */
  admit(arrivals: readonly Arrival[], origin?: object): number[] {
    const { db, mailboxes, messages, names, clock } = this.#storage;
    const { uidNext, highestModSeq } = this.counters();
    if (arrivals.length === 0) return [];
    const modSeq = highestModSeq + 1;
    const saveDate = clock.now();
    const stored = arrivals.map(({ message }, index) => ({ ...message, uid: uidNext + index, modSeq, saveDate }));
    for (const message of stored) messages.insert(this.row, message);
    mailboxes.setCounters(this.row, uidNext + stored.length, modSeq);
    this.saveRecent();
    const uids = stored.map(({ uid }) => uid);
    db.afterCommit(() => {
      for (const [index, message] of stored.entries())
        names.settle(this.place(message), arrivals[index]?.path ?? "", true);
      if (this.#whole) this.#columns?.add(stored.map(columnRow));
      this.emit({ kind: "added", uids, ...(origin !== undefined && { origin }) });
    });
    db.afterSync(() => names.release(stored.map(({ file }) => file)));
    return uids;
  }

  changeFlags(
    uids: readonly number[],
    change: FlagChange,
    flags: readonly string[],
    options: { unchangedSince?: number; origin?: object } = {},
  ): Promise<FlagChanges> {
    return changeFlags(this.#storage, this, uids, change, flags, options);
  }

  copy(uids: readonly number[], target: MaildirMailbox, origin?: object): Promise<CopyResult> {
    return transfer(this.#storage, this, ascending(uids), ownMailbox(target), false, origin);
  }

  move(uids: readonly number[], target: MaildirMailbox, origin?: object): Promise<CopyResult> {
    return transfer(this.#storage, this, ascending(uids), ownMailbox(target), true, origin);
  }

  async expunge(uids: readonly number[], origin?: object): Promise<readonly number[]> {
    const slices = inSlices(ascending(uids), Math.ceil(this.#storage.rowsPerTransaction / EXPUNGE_COST));
    return (await commitInTurns(this.#storage, slices, (some) => this.takeOut(some, origin))).flat();
  }

  /** Removes messages, under one MODSEQ; those that were there. Runs inside a transaction. */
  takeOut(uids: readonly number[], origin?: object): number[] {
    const rows = [...this.#storage.messages.flaggedFiles(this.row, uids)].flat();
    this.handOver(rows, origin);
    this.#storage.contents.dropUnused(rows.map(({ content }) => content));
    return rows.map(({ uid }) => uid);
  }

  /** The same for messages that were just read, and whose contents others have. Runs inside a transaction. */
  handOver(rows: readonly FlaggedFile[], origin?: object): void {
    const { db, mailboxes, messages, removal, names } = this.#storage;
    const { uidNext, highestModSeq } = this.counters();
    if (rows.length === 0) return;
    const modSeq = highestModSeq + 1;
    const gone = rows.map(({ uid }) => uid);
    const notes = messages.expunge(this.row, this.#folder, gone, modSeq);
    mailboxes.setCounters(this.row, uidNext, modSeq);
    if (modSeq % EXPUNGE_LOG_INTERVAL === 0) {
      const floor = messages.cutExpungeLog(this.row, MAX_EXPUNGE_LOG);
      if (floor !== undefined) mailboxes.setExpungeFloor(this.row, floor);
    }
    db.afterCommit(() => {
      this.#columns?.remove(gone);
      this.emit({ kind: "expunged", uids: gone, modSeq, ...(origin !== undefined && { origin }) });
      this.#storage.wakeIndexer();
    });
    // Not before it is certain: a power cut may bring the rows back.
    // Where the files are now: until then a renaming of INBOX may have given this mailbox another folder.
    const places = rows.map((row) => this.place(row));
    db.afterSync(() =>
      removal.start(
        places.map((place) => ({ folder: place.folder, file: { name: place.file, path: names.forget(place), notes } })),
      ),
    );
  }

  annotations(): ReadonlyMap<string, string> {
    return this.#storage.annotations.all(this.row);
  }

  setAnnotations(values: ReadonlyMap<string, string | undefined>, origin?: object): Promise<"stored" | "too-many"> {
    return setAnnotations(this.#storage, this, values, origin);
  }

  expungedSince(modSeq: number): readonly number[] | undefined {
    return modSeq < this.counters().expungeFloor ? undefined : this.#storage.messages.expungedSince(this.row, modSeq);
  }

  changedSince(modSeq: number): readonly number[] {
    return this.#loaded().changedSince(modSeq);
  }

  searchText(
    where: SearchPlace,
    needle: string,
    uids: readonly number[],
    signal?: AbortSignal,
  ): Promise<ReadonlySet<number>> {
    return searchText(this.#storage.texts, this, where, needle, ascending(uids), signal);
  }

  watch(listener: (change: MailboxChange) => void): () => void {
    this.#watchers.add(listener);
    return () => void this.#watchers.delete(listener);
  }

  /** What the index counts for this mailbox. @throws Failure nonexistent if it was removed */
  counters(): Counters {
    const counters = this.#storage.mailboxes.counters(this.row);
    if (counters === undefined) throw new Failure("nonexistent", "the mailbox was removed");
    return counters;
  }

  place({ file, ...flags }: FlagSet & { readonly file: string }): FilePlace {
    return { folder: this.#folder, file, letters: maildirLetters(flags) };
  }

  /** The flags as this mailbox spells them; keywords that are new to it are noted, inside the running transaction. */
  flagSet(flags: readonly string[]): FlagSet {
    return applyChange(
      { bits: 0, keywords: "" },
      "replace",
      spellKeywords(this.#storage, this, parseFlags(flags), true),
    );
  }

  /** After the commit of a change to the mailbox as a whole: forgets what is remembered and tells the watchers. */
  changed(change: MailboxChange): void {
    this.#columns = undefined;
    this.#whole = false;
    this.#keywords = undefined;
    this.emit(change);
  }

  emit(change: MailboxChange): void {
    for (const watcher of this.#watchers) {
      try {
        watcher(change);
      } catch (error) {
        this.#storage.logger("error", "a mailbox's watcher failed", { cause: String(error) });
      }
    }
    this.#storage.changed({ kind: "messages", mailbox: this, change });
  }

  /** After the commit of changed flags. */
  flagsChanged(groups: Iterable<{ readonly flags: FlagSet; readonly uids: readonly number[] }>, modSeq: number): void {
    for (const { flags, uids } of groups) this.#columns?.setFlags(uids, flags, modSeq);
  }

  /** After the commit of a new keyword. */
  forgetKeywords(): void {
    this.#keywords = undefined;
  }

  /** After the commit of a rename. */
  renamed(name: string): void {
    this.#name = name;
  }

  /** After the commit of INBOX's rename, in which folders change hands. */
  relocated(folder: string): void {
    this.#folder = folder;
  }

  /** Reads some of the messages into memory; true once all are there. Never inside a transaction. */
  load(): boolean {
    if (this.#whole) return true;
    const columns = (this.#columns ??= new MessageColumns());
    const limit = READS_PER_WRITE * this.#storage.rowsPerTransaction;
    const rows = this.#storage.messages.columns(this.row, columns.uids.at(-1) ?? 0, limit);
    columns.add(rows);
    this.#whole = rows.length < limit;
    return this.#whole;
  }

  async #loadInTurns(): Promise<void> {
    while (!this.load()) await setImmediate();
  }

  #loaded(): MessageColumns {
    if (this.#storage.db.sqlite.inTransaction) throw new Error("what is not committed yet would be taken for stored");
    while (!this.load());
    return this.#columns as MessageColumns;
  }
}

function columnRow(message: StoredMessage): ColumnRow {
  const { uid, bits, keywords, modSeq, internalDate, saveDate, size, content } = message;
  return [uid, bits, keywords, modSeq, internalDate, saveDate, size, content];
}

function ownMailbox(mailbox: MaildirMailbox): StoredMailbox {
  if (!(mailbox instanceof StoredMailbox)) throw new Error("the mailbox belongs to another store");
  return mailbox;
}
