import type { AddressLabel } from "../../foundation/address.ts";
import type { Database, Schema } from "../../foundation/database.ts";
import type { Recipient } from "../../smtp-front/submission.ts";

/** What a mail program asked to be told about its letters (RFC 3461), until nothing more can happen to them. */
export const dsnSchema: Schema = {
  part: "bridge-dsn",
  migrations: [
    `CREATE TABLE dsn_letter (
       letter BLOB PRIMARY KEY,
       ret TEXT,
       mailbox TEXT NOT NULL,
       uid INTEGER NOT NULL,
       sent_at INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX dsn_letter_sent ON dsn_letter (sent_at);
     CREATE TABLE dsn_recipient (
       letter BLOB NOT NULL REFERENCES dsn_letter ON DELETE CASCADE,
       label TEXT NOT NULL,
       address TEXT NOT NULL,
       orcpt TEXT,
       notify TEXT NOT NULL,
       PRIMARY KEY (letter, label)
     ) STRICT, WITHOUT ROWID;`,
  ],
};

export type NotifyEvent = "success" | "failure" | "delay";

/** RFC 3461 section 4.1: without NOTIFY, failures and delays. Nobody is told of a letter with an empty reverse-path (section 6.1). */
export function notifyEvents({ notify }: Recipient, from: string): readonly NotifyEvent[] {
  if (from === "") return [];
  return notify === undefined ? ["failure", "delay"] : notify.filter((event) => event !== "never");
}

/** What one recipient's sender asked for, with where the letter's copy was filed. */
export interface DsnRequest {
  readonly address: string;
  readonly originalRecipient: string | undefined;
  readonly notify: ReadonlySet<NotifyEvent>;
  readonly ret: "full" | "hdrs" | undefined;
  readonly mailboxId: string;
  readonly uid: number;
}

/** Remembers a submission's requests, in its transaction. One person under several addresses counts as the first of them. */
export function rememberDsnRequests(
  db: Database,
  letter: {
    readonly id: Uint8Array;
    readonly from: string;
    readonly ret: "full" | "hdrs" | undefined;
    readonly mailboxId: string;
    readonly uid: number;
    readonly sentAt: number;
  },
  recipients: readonly { readonly label: AddressLabel; readonly recipient: Recipient }[],
): void {
  const { id, from, ret, mailboxId, uid, sentAt } = letter;
  db.sqlite.prepare("INSERT INTO dsn_letter VALUES (?, ?, ?, ?, ?)").run(id, ret ?? null, mailboxId, uid, sentAt);
  const insert = db.sqlite.prepare("INSERT OR IGNORE INTO dsn_recipient VALUES (?, ?, ?, ?, ?)");
  for (const { label, recipient } of recipients)
    insert.run(id, label, recipient.address, recipient.originalRecipient ?? null, notifyEvents(recipient, from).join());
}

/** undefined for a letter from before such requests were remembered. */
export function dsnRequest(db: Database, letter: Uint8Array, label: AddressLabel): DsnRequest | undefined {
  const row = db.sqlite
    .prepare(
      `SELECT address, orcpt, notify, ret, mailbox, uid FROM dsn_recipient JOIN dsn_letter USING (letter)
       WHERE letter = ? AND label = ?`,
    )
    .get(letter, label) as
    | {
        address: string;
        orcpt: string | null;
        notify: string;
        ret: "full" | "hdrs" | null;
        mailbox: string;
        uid: number;
      }
    | undefined;
  if (row === undefined) return undefined;
  return {
    address: row.address,
    originalRecipient: row.orcpt ?? undefined,
    notify: new Set(row.notify.split(",").filter((event) => event !== "") as NotifyEvent[]),
    ret: row.ret ?? undefined,
    mailboxId: row.mailbox,
    uid: row.uid,
  };
}

/** Forgets letters that were sent before this time. */
export function forgetDsnRequests(db: Database, before: number): void {
  db.sqlite.prepare("DELETE FROM dsn_letter WHERE sent_at < ?").run(before);
}
