import type { Clock } from "../foundation/clock.ts";
import type { Database } from "../foundation/database.ts";
import type { Logger } from "../foundation/logger.ts";
import type { MessageLinks } from "../mime/message-ids.ts";
import type { Part } from "../mime/part.ts";
import type { SortAddresses, SortFields } from "../mime/sort-fields.ts";
import type { AnnotationChange } from "./annotations.ts";
import type { RemoteMailbox } from "./import-ledger.ts";
import type {
  AppendRequest,
  CopyResult,
  FlagChange,
  MailboxChange,
  MailboxStatus,
  MaildirChange,
  MessageSummary,
  SearchPlace,
  SpecialUse,
} from "./message.ts";
import type { StorageQuota } from "./quota.ts";

export interface MaildirOptions {
  /** Holds the index; encrypted with a key of its own. The caller closes it, after the Maildir. */
  readonly db: Database;
  /** The home directory; messages lie in `mail/` below it. One process at a time may have it open. */
  readonly home: string;
  /** 32 bytes that wrap every file's key. */
  readonly vaultKey: Uint8Array;
  /** The `age1...` recipient of the paper key: its identity opens every file without this program. */
  readonly recoveryRecipient: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Largest message in octets; 64 MiB where absent. */
  readonly appendLimit?: number;
  /** Octets that appended and copied messages may make all together; as many as the disk takes where absent. What is inserted is not held to it. */
  readonly quota?: number;
  /** Messages that are put in or taken out before others have their turn. */
  readonly rowsPerTransaction?: number;
  /** Asked before each message that is appended: whether the mailbox has it already, filed in another way. */
  readonly appendMerger?: (mailbox: {
    readonly id: string;
    readonly specialUse: SpecialUse | undefined;
  }) => AppendMerger | undefined;
}

/** Recognises one message that a mail program appends although it is there already. */
export interface AppendMerger {
  /** Hands the content on as it is, having seen it. */
  watch(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** The UID of the message that it is, if it still exists; asked inside the transaction. */
  existing(staged: StagedMessage): number | undefined;
}

/** A message whose file is durable and whose structure is known, but which is in no mailbox yet. */
export interface StagedMessage {
  readonly size: number;
  /** SHA-256 of the message. */
  readonly contentHash: Buffer;
  /** The top header with the empty line that ends it. */
  readonly header: Buffer;
}

export interface StageOptions {
  /** A deterministic id: staging it again overwrites what an interrupted attempt left. Random where absent. */
  readonly name?: Uint8Array;
  /** Where the message will probably go; INBOX where absent. Inserting it elsewhere is only a little slower. */
  readonly mailboxId?: string;
  /** Kept inside the file too, so that it survives a lost index. Milliseconds since 1970; now, where absent. */
  readonly internalDate?: number;
}

export interface InsertOptions {
  readonly flags: readonly string[];
  /** Milliseconds since 1970; what `stage` was told, where absent. */
  readonly internalDate?: number;
  /** Comes back in the watchers' events. */
  readonly origin?: object;
}

/** A message that an import brings. */
export interface ImportedLetter {
  readonly staged: StagedMessage;
  readonly options: InsertOptions;
  /** Its UID where it comes from, if that is another server. */
  readonly remoteUid?: number | undefined;
}

/** Where imported messages come from. */
export interface ImportOrigin {
  readonly remote?: RemoteMailbox | undefined;
  /** Only what no import brought into any mailbox: for a folder that shows the letters of all others. */
  readonly onlyMissing?: boolean | undefined;
}

/**
 * A person's mail: one age file per message below `<home>/mail`, and everything a mail program asks for first in the
 * encrypted index. Expected failures are thrown as `Failure`; a change is durable when its promise resolves.
 */
export interface Maildir {
  /** INBOX first, then by name. Levels are separated by `/`. */
  mailboxes(): readonly MaildirMailbox[];
  mailbox(name: string): MaildirMailbox | undefined;
  mailboxById(id: string): MaildirMailbox | undefined;
  /** The mailbox of that use; if there are several, the first by name. */
  specialUse(use: SpecialUse): MaildirMailbox | undefined;
  subscriptions(): ReadonlySet<string>;
  setSubscribed(name: string, subscribed: boolean, origin?: object): Promise<void>;
  /** Creates missing superior levels too. @throws Failure already-exists, invalid, full */
  create(name: string, specialUse?: SpecialUse, origin?: object): Promise<MaildirMailbox>;
  /** @throws Failure nonexistent, forbidden (INBOX) */
  remove(name: string, origin?: object): Promise<void>;
  /** @throws Failure nonexistent, already-exists, invalid */
  rename(from: string, to: string, origin?: object): Promise<void>;
  /** The server's annotations (RFC 5464), by name; values have one octet per character. */
  annotations(): ReadonlyMap<string, string>;
  /** Sets and, where undefined, removes: all of them, or none if there would be too many. @throws Failure full */
  setAnnotations(values: ReadonlyMap<string, string | undefined>, origin?: object): Promise<"stored" | "too-many">;
  /** Calls back after each change, of names, subscriptions and messages; the result ends it. */
  watch(listener: (change: MaildirChange<MaildirMailbox>) => void): () => void;
  /** Calls back after each change of annotations, the server's or a mailbox's; the result ends it. */
  watchAnnotations(listener: (change: AnnotationChange<MaildirMailbox>) => void): () => void;
  /** The limit is the quota or what the disk has room for, whichever is less. */
  quota(): Promise<StorageQuota>;
  readonly appendLimit: number;
  /** Writes the message's file and syncs it; memory stays flat. @throws Failure too-big, full, already-exists (of that name) */
  stage(content: AsyncIterable<Uint8Array> | Buffer, options?: StageOptions): Promise<StagedMessage>;
  /**
   * Puts a staged message into a mailbox; its UID. Runs at once inside the caller's `Database` transaction and is undone
   * with it, never alone: that has to fail where this does; watchers learn of it after the commit.
   * @throws Failure nonexistent, invalid, already-exists (inserted before), busy (its name was staged once more)
   */
  insert(mailboxId: string, staged: StagedMessage, options: InsertOptions): number;
  /** Removes the file of a staged message that is not going to be inserted; harmless if it was. */
  discard(staged: StagedMessage): Promise<void>;
  /** UIDs of the messages with that Message-ID (with its angle brackets), ascending. */
  findByMessageId(mailboxId: string, messageId: string): readonly number[];
  /**
   * Inserts in one commit those staged messages whose content no import brought into this mailbox before; their UIDs.
   * The same commit notes all of them as imported from there. The others are for the caller to discard.
   * @throws Failure nonexistent, full
   */
  insertImported(
    mailboxId: string,
    messages: readonly ImportedLetter[],
    origin?: ImportOrigin,
  ): Promise<readonly number[]>;
  /** The UIDs of that server's mailbox that were imported into this one. */
  importedUids(mailboxId: string, remote: RemoteMailbox): ReadonlySet<number>;
  /** Finishes what is written behind: names on disk, removed files. */
  close(): Promise<void>;
}

/** One mailbox. Objects stay the same while the mailbox lives, through renames too. */
export interface MaildirMailbox {
  /** MAILBOXID (RFC 8474). */
  readonly id: string;
  readonly name: string;
  readonly specialUse: SpecialUse | undefined;
  readonly uidValidity: number;
  /** Resolves once what is asked of every message is in memory, so that the calls below answer at once; others are served meanwhile. */
  ready(): Promise<void>;
  status(): MailboxStatus;
  uids(): readonly number[];
  claimRecent(): readonly number[];
  keywords(): readonly string[];
  /** Ascending; the flag in whatever case. */
  uidsByFlag(flag: string, has: boolean): readonly number[];
  summaries(uids: readonly number[]): Iterable<MessageSummary>;
  /** In the order of the UIDs; undefined where there is no such message. */
  envelopes(uids: readonly number[]): readonly (string | undefined)[];
  bodyStructures(uids: readonly number[], extensible: boolean): readonly (string | undefined)[];
  /** What SORT and THREAD compare (RFC 5256), in the order of the UIDs; undefined where there is no such message. */
  sortFields(uids: readonly number[]): readonly (SortFields | undefined)[];
  /** The same with ids, for which names of 12 characters stand. */
  threadFields(uids: readonly number[]): readonly ((SortFields & MessageLinks) | undefined)[];
  sortAddresses(uids: readonly number[]): readonly (SortAddresses | undefined)[];
  /**
   * What `keep` was given last, before a restart too; undefined where there is nothing, and not all of it after a crash.
   * Others are served while it is read.
   */
  kept(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Keeps octets with the mailbox, in place of others: only what could be made anew. Never rejects. */
  keep(octets: Uint8Array): Promise<void>;
  structure(uid: number): Part | undefined;
  headers(uids: readonly number[]): readonly (Buffer | undefined)[];
  /** At least the fields of these names (in lower case), with one octet per character. */
  headerFields(uids: readonly number[], names: ReadonlySet<string>): readonly (string | undefined)[];
  /** Octets start..end (end exclusive). @throws Failure damaged, nonexistent */
  read(uid: number, start: number, end: number): AsyncIterable<Uint8Array>;
  /** All or none; the new UIDs in order. @throws Failure full, too-big, nonexistent, invalid */
  append(messages: AsyncIterable<AppendRequest> | Iterable<AppendRequest>, origin?: object): Promise<readonly number[]>;
  /** RFC 7162 section 3.1.3; `changed` are those whose flags are other than before. */
  changeFlags(
    uids: readonly number[],
    change: FlagChange,
    flags: readonly string[],
    options?: { unchangedSince?: number; origin?: object },
  ): Promise<{ changed: readonly number[]; conflicts: readonly number[]; modSeq: number }>;
  copy(uids: readonly number[], target: MaildirMailbox, origin?: object): Promise<CopyResult>;
  move(uids: readonly number[], target: MaildirMailbox, origin?: object): Promise<CopyResult>;
  expunge(uids: readonly number[], origin?: object): Promise<readonly number[]>;
  /** As those of the server; they follow the mailbox through renames, and go with it. @throws Failure full, nonexistent */
  annotations(): ReadonlyMap<string, string>;
  setAnnotations(values: ReadonlyMap<string, string | undefined>, origin?: object): Promise<"stored" | "too-many">;
  expungedSince(modSeq: number): readonly number[] | undefined;
  changedSince(modSeq: number): readonly number[];
  searchText(
    where: SearchPlace,
    needle: string,
    uids: readonly number[],
    signal?: AbortSignal,
  ): Promise<ReadonlySet<number>>;
  watch(listener: (change: MailboxChange) => void): () => void;
}
