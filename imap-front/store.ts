/**
 * What the IMAP front needs of a mail store. Declared here by the one that uses it; any store that fits can be put
 * behind the front. Expected failures are thrown as foundation/failure.ts `Failure`. Every change is durable when the
 * promise resolves. Wire-form texts hold one octet per character (latin1).
 */
import type { MessageLinks } from "../mime/message-ids.ts";
import type { Part } from "../mime/part.ts";
import type { SortAddresses, SortFields } from "../mime/sort-fields.ts";

/** Compares a login with what the user set up. */
export interface Authenticator {
  /** The account's store; undefined if user or password is wrong. @throws Failure("unavailable") and others: not a wrong password */
  login(user: string, password: string): Promise<MailStore | undefined>;
  /** For logins that do not show the password; absent where they cannot be had. */
  readonly scram?: ScramVerifier;
}

/** What a server keeps of passwords for SCRAM-SHA-256 (RFC 5802 section 3). */
export interface ScramVerifier {
  /** The same for all users and passwords, known or not. */
  readonly salt: Uint8Array;
  readonly iterations: number;
  /**
   * The account's store, and the ServerSignature that proves to the client that the server knows the password; undefined
   * if the user is unknown or no password of his made the proof. `proof` is what came, of any length. @throws as login does
   */
  login(
    user: string,
    authMessage: string,
    proof: Uint8Array,
  ): Promise<{ readonly store: MailStore; readonly serverSignature: Uint8Array } | undefined>;
}

export type SpecialUse =
  | "\\Archive"
  | "\\Drafts"
  | "\\Flagged"
  | "\\Junk"
  | "\\Sent"
  | "\\Trash"
  | "\\All"
  | "\\Important";

/** What clients note about a mailbox or about the server (METADATA, RFC 5464); names in lower case, with their `/private` or `/shared`. */
export interface Annotated {
  /** By name; values have one octet per character. */
  annotations(): ReadonlyMap<string, string>;
  /** Sets and, where undefined, removes: all of them, or none if there would be too many. @throws Failure full, nonexistent */
  setAnnotations(values: ReadonlyMap<string, string | undefined>, origin?: object): Promise<"stored" | "too-many">;
}

/** Annotations that changed, as all sessions learn of it; `origin` is what the acting session handed in. */
export interface AnnotationChange {
  /** Undefined for the server's own. */
  readonly mailbox: Mailbox | undefined;
  readonly entries: readonly string[];
  readonly origin?: object;
}

/** A durable change anywhere in the store, as all sessions learn of it; `origin` is what the acting session handed in. */
export type StoreChange =
  | { readonly kind: "messages"; readonly mailbox: Mailbox; readonly change: MailboxChange }
  | { readonly kind: "created" | "removed" | "subscription"; readonly name: string; readonly origin?: object }
  /** Children that moved along are not told of one by one. */
  | { readonly kind: "renamed"; readonly from: string; readonly to: string; readonly origin?: object };

/** What all messages take, and what they may; octets. Mail that comes from outside may go beyond the limit. */
export interface StorageQuota {
  readonly usage: number;
  readonly limit: number;
}

/** Its own annotations are the server's. */
export interface MailStore extends Annotated {
  /** Levels of a name are separated by `/`. Names are Unicode (NFC); INBOX is always there, and always so spelt. */
  mailboxes(): readonly Mailbox[];
  mailbox(name: string): Mailbox | undefined;
  /** Names that were subscribed to, even of mailboxes that no longer exist. */
  subscriptions(): ReadonlySet<string>;
  setSubscribed(name: string, subscribed: boolean, origin?: object): Promise<void>;
  /** @throws Failure already-exists, invalid, full */
  create(name: string, specialUse?: SpecialUse, origin?: object): Promise<Mailbox>;
  /** Takes the messages along; children stay. @throws Failure nonexistent, forbidden (INBOX) */
  remove(name: string, origin?: object): Promise<void>;
  /** Children move along; renaming INBOX moves its messages to a new mailbox (RFC 9051 section 6.3.6). */
  rename(from: string, to: string, origin?: object): Promise<void>;
  /** Calls back after each change, in the order of the changes; the result ends it. */
  watch(listener: (change: StoreChange) => void): () => void;
  /** Calls back after each change of annotations, the server's or a mailbox's; the result ends it. */
  watchAnnotations(listener: (change: AnnotationChange) => void): () => void;
  quota(): Promise<StorageQuota>;
  /** Largest message in octets that append takes. */
  readonly appendLimit: number;
}

export interface MailboxStatus {
  readonly messages: number;
  readonly unseen: number;
  readonly deleted: number;
  readonly recent: number;
  readonly uidNext: number;
  readonly highestModSeq: number;
  /** Sum of the messages' sizes in octets; of those with \Deleted alone. */
  readonly size: number;
  readonly deletedSize: number;
}

/** What lies in the index: nothing of this opens a message file. */
export interface MessageSummary {
  readonly uid: number;
  /** System flags as `\Seen`, keywords as the client spelt them; never `\Recent`. */
  readonly flags: readonly string[];
  readonly modSeq: number;
  /** Milliseconds since 1970. */
  readonly internalDate: number;
  /** When it came into this mailbox; milliseconds since 1970. */
  readonly saveDate: number;
  /** Octets, with every line end counted as it is stored. */
  readonly size: number;
  /** OBJECTID's EMAILID and THREADID (RFC 8474). */
  readonly emailId: string;
  readonly threadId: string | undefined;
}

export type FlagChange = "add" | "remove" | "replace";

/** A change that is durable, as all sessions learn of it; `origin` is what the acting session handed in. */
export type MailboxChange =
  | { readonly kind: "added"; readonly uids: readonly number[]; readonly origin?: object }
  | { readonly kind: "expunged"; readonly uids: readonly number[]; readonly modSeq: number; readonly origin?: object }
  | { readonly kind: "flags"; readonly uids: readonly number[]; readonly modSeq: number; readonly origin?: object }
  | { readonly kind: "removed" };

export interface AppendRequest {
  /** The message in pieces of any size; consumed once, as it is stored. */
  readonly content: AsyncIterable<Uint8Array>;
  readonly flags: readonly string[];
  /** Milliseconds since 1970; now, where absent. */
  readonly internalDate?: number;
}

export interface CopyResult {
  readonly uidValidity: number;
  /** Old and new UID of each message, ascending in the old one. */
  readonly uids: readonly (readonly [from: number, to: number])[];
}

export interface Mailbox extends Annotated {
  /** OBJECTID's MAILBOXID. */
  readonly id: string;
  readonly name: string;
  readonly specialUse: SpecialUse | undefined;
  readonly uidValidity: number;
  /** To be awaited before the calls below are made for all messages: they answer at once then, and others are served meanwhile. */
  ready(): Promise<void>;
  status(): MailboxStatus;
  /** Every message's UID, ascending. */
  uids(): readonly number[];
  /** UIDs of recent messages; a claim ends their being recent for everybody else (RFC 9051 appendix E, RFC 3501 section 2.3.2). */
  claimRecent(): readonly number[];
  /** Keywords that any message has or had. */
  keywords(): readonly string[];
  /** UIDs of the messages that have the flag or keyword, in whatever case, or that do not; ascending. Not for `\Recent`. */
  uidsByFlag(flag: string, has: boolean): readonly number[];
  /** Those of the UIDs that exist, ascending. */
  summaries(uids: readonly number[]): Iterable<MessageSummary>;
  /** ENVELOPEs in wire form, without the item's name, in the order of the UIDs; undefined where there is no such message. */
  envelopes(uids: readonly number[]): readonly (string | undefined)[];
  /** BODYSTRUCTURE (extensible) or BODY (not) in wire form, in the order of the UIDs. */
  bodyStructures(uids: readonly number[], extensible: boolean): readonly (string | undefined)[];
  /** What SORT and THREAD compare (RFC 5256), in the order of the UIDs; undefined where there is no such message. */
  sortFields(uids: readonly number[]): readonly (SortFields | undefined)[];
  /** The same with ids, or names that are the same where the ids are; of the references only the newest. */
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
  /** The top headers with the empty line that ends each, in the order of the UIDs. */
  headers(uids: readonly number[]): readonly (Buffer | undefined)[];
  /**
   * Of each top header the fields of these names (in lower case), perhaps with others, and the empty line that ends it;
   * one octet per character, in the order of the UIDs.
   */
  headerFields(uids: readonly number[], names: ReadonlySet<string>): readonly (string | undefined)[];
  /** Octets start..end (end exclusive) of the message, from its file. @throws Failure damaged, nonexistent */
  read(uid: number, start: number, end: number): AsyncIterable<Uint8Array>;
  /** All or none (MULTIAPPEND, RFC 3502); the new UIDs in order. @throws Failure full (the disk, or the quota), too-big */
  append(messages: AsyncIterable<AppendRequest> | Iterable<AppendRequest>, origin?: object): Promise<readonly number[]>;
  /**
   * Changes flags; a message whose MODSEQ is above `unchangedSince` is left alone and named in `conflicts` (RFC 7162
   * section 3.1.3). UIDs that no longer exist are passed over.
   */
  changeFlags(
    uids: readonly number[],
    change: FlagChange,
    flags: readonly string[],
    options?: { unchangedSince?: number; origin?: object },
  ): Promise<{ changed: readonly number[]; conflicts: readonly number[]; modSeq: number }>;
  /** @throws Failure full (the disk, or the quota), nonexistent, damaged */
  copy(uids: readonly number[], target: Mailbox, origin?: object): Promise<CopyResult>;
  /** Each message is copied and expunged in one transaction; a failure may leave some of them moved (RFC 6851 section 3.3). */
  move(uids: readonly number[], target: Mailbox, origin?: object): Promise<CopyResult>;
  /** Removes those of the UIDs that are there; which flags they have is the caller's business. */
  expunge(uids: readonly number[], origin?: object): Promise<readonly number[]>;
  /** UIDs expunged since then, ascending; undefined where the log does not reach back so far (RFC 7162 section 3.2.6). */
  expungedSince(modSeq: number): readonly number[] | undefined;
  /** UIDs whose flags changed or that came since then, ascending. */
  changedSince(modSeq: number): readonly number[];
  /**
   * Those of the UIDs whose decoded text holds the needle, without regard to case (RFC 9051 section 6.4.4): in the
   * header fields of that name, in the body's text parts, or in header and body both.
   */
  searchText(
    where: { readonly header: string } | "body" | "text",
    needle: string,
    uids: readonly number[],
    signal?: AbortSignal,
  ): Promise<ReadonlySet<number>>;
  /** Calls back after each change, in the order of the changes; the result ends it. */
  watch(listener: (change: MailboxChange) => void): () => void;
}
