/** The system flags of RFC 9051 section 2.3.2 that a message can keep. */
export type SystemFlag = "\\Seen" | "\\Answered" | "\\Flagged" | "\\Deleted" | "\\Draft";

export type SpecialUse =
  | "\\Archive"
  | "\\Drafts"
  | "\\Flagged"
  | "\\Junk"
  | "\\Sent"
  | "\\Trash"
  | "\\All"
  | "\\Important";

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

/** What the index knows of a message without opening its file. */
export interface MessageSummary {
  readonly uid: number;
  /** System flags as `\Seen`, keywords as they were first spelt in this mailbox; never `\Recent`. */
  readonly flags: readonly string[];
  readonly modSeq: number;
  /** Milliseconds since 1970. */
  readonly internalDate: number;
  /** When it came into this mailbox; milliseconds since 1970. */
  readonly saveDate: number;
  /** Octets of the message as it was handed in. */
  readonly size: number;
  /** EMAILID (RFC 8474); copies share it. */
  readonly emailId: string;
  /** THREADID (RFC 8474); it never changes. */
  readonly threadId: string | undefined;
}

export type FlagChange = "add" | "remove" | "replace";

/** A change that is durable; `origin` is whatever the caller of the change handed in. */
export type MailboxChange =
  | { readonly kind: "added"; readonly uids: readonly number[]; readonly origin?: object }
  | { readonly kind: "expunged"; readonly uids: readonly number[]; readonly modSeq: number; readonly origin?: object }
  | { readonly kind: "flags"; readonly uids: readonly number[]; readonly modSeq: number; readonly origin?: object }
  | { readonly kind: "removed" };

/** A durable change anywhere in a Maildir; `origin` is whatever the caller of the change handed in. */
export type MaildirChange<M> =
  | { readonly kind: "messages"; readonly mailbox: M; readonly change: MailboxChange }
  | { readonly kind: "created" | "removed" | "subscription"; readonly name: string; readonly origin?: object }
  /** Children that moved along are not told of one by one. */
  | { readonly kind: "renamed"; readonly from: string; readonly to: string; readonly origin?: object };

export interface AppendRequest {
  /** The message in pieces of any size; consumed once. */
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

/** Where a text search looks: the fields of one name, the text parts, or header and text parts both. */
export type SearchPlace = { readonly header: string } | "body" | "text";
