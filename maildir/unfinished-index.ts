import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database } from "../foundation/database.ts";

/** Notes of UIDs that unfinished work gave to messages. Whatever writes runs inside the caller's transaction. */
export class UnfinishedIndex {
  readonly #note: Statement<[number, number, number], unknown>;
  readonly #strike: Statement<[string], unknown>;
  readonly #all: Statement<[], { id: number; mailbox: number }>;
  readonly #uids: Statement<[number, string], number>;

  constructor({ sqlite }: Database) {
    this.#note = sqlite.prepare("INSERT INTO maildir_unfinished (mailbox, first_uid, last_uid) VALUES (?, ?, ?)");
    this.#strike = sqlite.prepare("DELETE FROM maildir_unfinished WHERE id IN (SELECT value FROM json_each(?))");
    this.#all = sqlite.prepare("SELECT id, mailbox FROM maildir_unfinished ORDER BY id");
    this.#uids = sqlite
      .prepare<[number, string], number>(
        `SELECT uid FROM maildir_unfinished u JOIN maildir_message m
           ON m.mailbox = u.mailbox AND m.uid BETWEEN u.first_uid AND u.last_uid
         WHERE u.mailbox = ? AND u.id IN (SELECT value FROM json_each(?)) ORDER BY uid`,
      )
      .pluck();
  }

  note(mailbox: number, first: number, last: number): number {
    return Number(this.#note.run(mailbox, first, last).lastInsertRowid);
  }

  strike(notes: readonly number[]): void {
    if (notes.length > 0) this.#strike.run(JSON.stringify(notes));
  }

  /** The notes that there are, by mailbox. */
  all(): Map<number, number[]> {
    const notes = new Map<number, number[]>();
    for (const { id, mailbox } of this.#all.all()) notes.set(mailbox, [...(notes.get(mailbox) ?? []), id]);
    return notes;
  }

  /** UIDs of the messages that the notes speak of and that are still there. */
  uids(mailbox: number, notes: readonly number[]): number[] {
    return this.#uids.all(mailbox, JSON.stringify(notes));
  }
}
