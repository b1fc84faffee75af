/**
 * What the gateway needs around it, declared by the one that uses it. The Maildir fits `LocalMail` by its shape; the
 * bridge brings the others.
 */

import type { Account } from "./accounts/account.ts";
import type { LegacyDelivery, OutgoingLetter } from "./outgoing/outbox.ts";

export type SpecialUse =
  | "\\Archive"
  | "\\Drafts"
  | "\\Flagged"
  | "\\Junk"
  | "\\Sent"
  | "\\Trash"
  | "\\All"
  | "\\Important";

/** A letter whose file is durable, but which is in no mailbox yet. */
export interface StagedLetter {
  readonly size: number;
  /** SHA-256 of the letter as it was stored. */
  readonly contentHash: Buffer;
  readonly header: Buffer;
}

export interface LocalLetter {
  readonly uid: number;
  readonly flags: readonly string[];
  readonly size: number;
}

export interface LocalMailbox {
  /** Stays the same through renames. */
  readonly id: string;
  readonly name: string;
  readonly specialUse: SpecialUse | undefined;
  readonly uidValidity: number;
  ready(): Promise<void>;
  status(): { readonly highestModSeq: number };
  uids(): readonly number[];
  keywords(): readonly string[];
  summaries(uids: readonly number[]): Iterable<LocalLetter>;
  read(uid: number, start: number, end: number): AsyncIterable<Uint8Array>;
  changeFlags(
    uids: readonly number[],
    change: "add" | "remove",
    flags: readonly string[],
    options?: { origin?: object },
  ): Promise<unknown>;
  move(
    uids: readonly number[],
    target: LocalMailbox,
    origin?: object,
  ): Promise<{ readonly uids: readonly (readonly [from: number, to: number])[] }>;
  expunge(uids: readonly number[], origin?: object): Promise<readonly number[]>;
  /** UIDs expunged since then; undefined where that is no longer known. */
  expungedSince(modSeq: number): readonly number[] | undefined;
  changedSince(modSeq: number): readonly number[];
}

/** A durable change in the store; `origin` is what the caller of the change handed in. */
export type LocalChange =
  | {
      readonly kind: "messages";
      readonly mailbox: { readonly id: string };
      readonly change: { readonly kind: string; readonly origin?: object };
    }
  | { readonly kind: "created" | "removed" | "subscription" | "renamed" };

/** The encrypted store of the user's mail. */
export interface LocalMail {
  /** Largest letter in octets. */
  readonly appendLimit: number;
  mailboxes(): readonly LocalMailbox[];
  mailbox(name: string): LocalMailbox | undefined;
  mailboxById(id: string): LocalMailbox | undefined;
  specialUse(use: SpecialUse): LocalMailbox | undefined;
  create(name: string): Promise<LocalMailbox>;
  setSubscribed(name: string, subscribed: boolean): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** @throws Failure too-big, full */
  stage(
    content: AsyncIterable<Uint8Array>,
    options: { readonly mailboxId: string; readonly internalDate?: number },
  ): Promise<StagedLetter>;
  /** Inside the caller's transaction; the new UID. @throws Failure nonexistent */
  insert(
    mailboxId: string,
    staged: StagedLetter,
    options: { readonly flags: readonly string[]; readonly internalDate?: number; readonly origin?: object },
  ): number;
  discard(staged: StagedLetter): Promise<void>;
  findByMessageId(mailboxId: string, messageId: string): readonly number[];
  watch(listener: (change: LocalChange) => void): () => void;
}

/** A letter as the provider has it. */
export interface ReceivedLetter {
  /** The account's address. */
  readonly account: string;
  /** The special use of the mailbox that it goes to. */
  readonly folder?: SpecialUse;
  /** Octet for octet; to be consumed once. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** A letter as the user's mail program is to see it. */
export interface ReadLetter {
  readonly content: AsyncIterable<Uint8Array>;
  /** Say how the letter came and what protected it: `$Legacy` and others. Never taken from the provider. */
  readonly keywords: readonly string[];
  /** The same letter came by another road: this one is not stored. */
  readonly isHere?: boolean;
}

/** Reads what came by the old road: says so in the letter, and may open what is encrypted. */
export type IncomingReader = (letter: ReceivedLetter) => Promise<ReadLetter>;

/** Something that the user has to know; the bridge files it in INBOX. */
export interface GatewayNotice {
  /** ASCII. */
  readonly subject: string;
  readonly text: string;
}

/** A letter that is about to leave to a provider. */
export interface LeavingLetter {
  readonly account: Account;
  readonly recipients: readonly string[];
  /** With its empty line. */
  readonly header: Buffer;
  /** To be consumed once. */
  readonly body: AsyncIterable<Uint8Array>;
}

export type WrittenLetter =
  | {
      readonly kind: "leaves";
      /** `encrypted` letters are signed, too. */
      readonly how: "encrypted" | "plain";
      readonly content: AsyncIterable<Uint8Array>;
    }
  /** For the mail program, as the text of a 550 reply. */
  | { readonly kind: "refused"; readonly why: string };

/** Makes of a letter what leaves: as it is, encrypted, or not at all. */
export type OutgoingWriter = (letter: LeavingLetter) => Promise<WrittenLetter>;

/** What became of a letter for one recipient. */
export interface LegacyReport {
  readonly action: "failed" | "delayed" | "relayed";
  readonly letter: OutgoingLetter;
  readonly delivery: LegacyDelivery;
  /** RFC 3463. */
  readonly status: string;
  readonly words: string;
  readonly server: string;
  /** Of a delayed letter; milliseconds since 1970. */
  readonly retryUntil?: number;
}

/** Tells the sender, if they want to know; `settle` runs in the transaction that does, or alone. */
export type LegacyReporter = (report: LegacyReport, settle: () => void) => Promise<void>;
