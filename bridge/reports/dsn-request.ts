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
    // One row for each letter: most have one recipient. recipients: {label: [address, orcpt, notify]}
    `CREATE TABLE dsn_request (
       letter BLOB PRIMARY KEY,
       ret TEXT,
       mailbox TEXT NOT NULL,
       uid INTEGER NOT NULL,
       sent_at INTEGER NOT NULL,
       recipients TEXT NOT NULL
     ) STRICT, WITHOUT ROWID;
     INSERT INTO dsn_request SELECT letter, ret, mailbox, uid, sent_at,
       (SELECT json_group_object(label, json_array(address, orcpt, notify)) FROM dsn_recipient AS r WHERE r.letter = l.letter)
       FROM dsn_letter AS l;
     DROP TABLE dsn_recipient;
     DROP TABLE dsn_letter;`,
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
  const asked: Record<AddressLabel, Asked> = {};
  for (const { label, recipient } of recipients)
    asked[label] ??= [recipient.address, recipient.originalRecipient ?? null, notifyEvents(recipient, from).join()];
  db.sqlite
    .prepare("INSERT INTO dsn_request VALUES (?, ?, ?, ?, ?, ?)")
    .run(id, ret ?? null, mailboxId, uid, sentAt, JSON.stringify(asked));
}

/** One recipient of a row. */
type Asked = readonly [address: string, originalRecipient: string | null, notify: string];

/** undefined for a letter from before such requests were remembered. */
export function dsnRequest(db: Database, letter: Uint8Array, label: AddressLabel): DsnRequest | undefined {
  const row = db.sqlite
    .prepare("SELECT ret, mailbox, uid, json_extract(recipients, ?) AS asked FROM dsn_request WHERE letter = ?")
    .get(`$."${label}"`, letter) as
    | { ret: "full" | "hdrs" | null; mailbox: string; uid: number; asked: string | null }
    | undefined;
  if (row === undefined || row.asked === null) return undefined;
  const [address, originalRecipient, notify] = JSON.parse(row.asked) as Asked;
  return {
    address,
    originalRecipient: originalRecipient ?? undefined,
    notify: new Set(notify.split(",").filter((event) => event !== "") as NotifyEvent[]),
    ret: row.ret ?? undefined,
    mailboxId: row.mailbox,
    uid: row.uid,
  };
}

/** Forgets letters that were sent before this time. */
export function forgetDsnRequests(db: Database, before: number): void {
  db.sqlite.prepare("DELETE FROM dsn_request WHERE sent_at < ?").run(before);
}
