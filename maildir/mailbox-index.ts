import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database } from "../foundation/database.ts";
import { UNCERTAIN_NUMBERS } from "./limits.ts";
import type { SpecialUse } from "./message.ts";

/** A mailbox's row, without what changes with every message. */
export interface MailboxRow {
  readonly id: number;
  readonly objectId: string;
  readonly folder: string;
  readonly name: string;
  readonly specialUse: SpecialUse | null;
  readonly uidValidity: number;
  readonly recentFrom: number;
}

export interface Counters {
  readonly uidNext: number;
  readonly highestModSeq: number;
  readonly expungeFloor: number;
}

const COLUMNS = `id, object_id AS objectId, folder, name, special_use AS specialUse, uid_validity AS uidValidity,
  recent_from AS recentFrom`;

/** UIDVALIDITY is 32 bits wide (RFC 9051 section 2.3.1.1); seconds reach its end in 2106. */
const MAX_UID_VALIDITY = 0xffffffff;

/** The tables of mailboxes and subscriptions. Whatever writes runs inside the caller's transaction. */
export class MailboxIndex {
  readonly #all: Statement<[], MailboxRow>;
  readonly #undescribed: Statement<[], MailboxRow>;
  readonly #counters: Statement<[number], Counters>;
  readonly #insert: Statement<[string, string, string, string | null, number], unknown>;
  readonly #setCounters: Statement<[number, number, number], unknown>;
  readonly #setExpungeFloor: Statement<[number, number], unknown>;
  readonly #setRecentFrom: Statement<[number, number], unknown>;
  readonly #setDescribed: Statement<[number, number], unknown>;
  readonly #rename: Statement<[string, number], unknown>;
  readonly #setFolder: Statement<[string, number], unknown>;
  readonly #delete: Statement<[number], unknown>;
  readonly #lastUidValidity: Statement<[], number>;
  readonly #setLastUidValidity: Statement<[number], unknown>;
  readonly #closed: Statement<[], number>;
  readonly #setClosed: Statement<[number], unknown>;
  readonly #skipNumbers: Statement<[number, number], unknown>;
  readonly #subscriptions: Statement<[], string>;
  readonly #subscribe: Statement<[string], unknown>;
  readonly #unsubscribe: Statement<[string], unknown>;

  constructor({ sqlite }: Database) {
    this.#closed = sqlite.prepare<[], number>("SELECT closed FROM maildir_state").pluck();
    this.#setClosed = sqlite.prepare("UPDATE maildir_state SET closed = ?");
    this.#skipNumbers = sqlite.prepare(
      "UPDATE maildir_mailbox SET uid_next = uid_next + ?, highest_modseq = highest_modseq + ?",
    );
    this.#all = sqlite.prepare(`SELECT ${COLUMNS} FROM maildir_mailbox`);
    this.#undescribed = sqlite.prepare(`SELECT ${COLUMNS} FROM maildir_mailbox WHERE described = 0`);
    this.#counters = sqlite.prepare(
      `SELECT uid_next AS uidNext, highest_modseq AS highestModSeq, expunge_floor AS expungeFloor
       FROM maildir_mailbox WHERE id = ?`,
    );
    this.#insert = sqlite.prepare(
      `INSERT INTO maildir_mailbox (object_id, folder, name, special_use, uid_validity, described) VALUES (?, ?, ?, ?, ?, 0)`,
    );
    this.#setCounters = sqlite.prepare("UPDATE maildir_mailbox SET uid_next = ?, highest_modseq = ? WHERE id = ?");
    this.#setExpungeFloor = sqlite.prepare("UPDATE maildir_mailbox SET expunge_floor = ? WHERE id = ?");
    this.#setRecentFrom = sqlite.prepare("UPDATE maildir_mailbox SET recent_from = ? WHERE id = ?");
    this.#setDescribed = sqlite.prepare("UPDATE maildir_mailbox SET described = ? WHERE id = ?");
    this.#rename = sqlite.prepare("UPDATE maildir_mailbox SET name = ?, described = 0 WHERE id = ?");
    this.#setFolder = sqlite.prepare("UPDATE maildir_mailbox SET folder = ?, described = 0 WHERE id = ?");
    this.#delete = sqlite.prepare("DELETE FROM maildir_mailbox WHERE id = ?");
    this.#lastUidValidity = sqlite.prepare<[], number>("SELECT last_uid_validity FROM maildir_state").pluck();
    this.#setLastUidValidity = sqlite.prepare("UPDATE maildir_state SET last_uid_validity = ?");
    this.#subscriptions = sqlite.prepare<[], string>("SELECT name FROM maildir_subscription").pluck();
    this.#subscribe = sqlite.prepare("INSERT OR IGNORE INTO maildir_subscription VALUES (?)");
    this.#unsubscribe = sqlite.prepare("DELETE FROM maildir_subscription WHERE name = ?");
  }

  all(): MailboxRow[] {
    return this.#all.all();
  }

  /** Those whose sealed description on disk is not what the row says. */
  undescribed(): MailboxRow[] {
    return this.#undescribed.all();
  }

  /**
   * To be called when the index is opened. Sessions see a commit a moment before it is on the disk, so after a power cut
   * they may know UIDs and MODSEQs that the index does not: these are skipped, that no number is ever given twice.
   */
  noteOpened(): void {
    if (this.#closed.get() === 0) this.#skipNumbers.run(UNCERTAIN_NUMBERS, UNCERTAIN_NUMBERS);
    this.#setClosed.run(0);
  }

  /** All that was committed is on the disk. */
  noteClosed(): void {
    this.#setClosed.run(1);
  }

  /** Undefined where the mailbox was removed. */
  counters(mailbox: number): Counters | undefined {
    return this.#counters.get(mailbox);
  }

  setCounters(mailbox: number, uidNext: number, highestModSeq: number): void {
    this.#setCounters.run(uidNext, highestModSeq, mailbox);
  }

  setExpungeFloor(mailbox: number, modSeq: number): void {
    this.#setExpungeFloor.run(modSeq, mailbox);
  }

  setRecentFrom(mailbox: number, uid: number): void {
    this.#setRecentFrom.run(uid, mailbox);
  }

  setDescribed(mailbox: number): void {
    this.#setDescribed.run(1, mailbox);
  }

  rename(mailbox: number, name: string): void {
    this.#rename.run(name, mailbox);
  }

  setFolder(mailbox: number, folder: string): void {
    this.#setFolder.run(folder, mailbox);
  }

  insert(row: Omit<MailboxRow, "id" | "recentFrom">): MailboxRow {
    const { objectId, folder, name, specialUse, uidValidity } = row;
    const { lastInsertRowid } = this.#insert.run(objectId, folder, name, specialUse, uidValidity);
    return { ...row, id: Number(lastInsertRowid), recentFrom: 1 };
  }

  delete(mailbox: number): void {
    this.#delete.run(mailbox);
  }

  /** Larger than any that was given out before, whatever the clock says; `now` is milliseconds since 1970. */
  nextUidValidity(now: number): number {
    const next = Math.max((this.#lastUidValidity.get() ?? 0) + 1, Math.floor(now / 1000));
    if (next > MAX_UID_VALIDITY) throw new Error("no UIDVALIDITY is left: the clock is wrong");
    this.#setLastUidValidity.run(next);
    return next;
  }

  subscriptions(): string[] {
    return this.#subscriptions.all();
  }

  subscribe(name: string): void {
    this.#subscribe.run(name);
  }

  unsubscribe(name: string): void {
    this.#unsubscribe.run(name);
  }
}
