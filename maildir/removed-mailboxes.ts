import { setImmediate } from "node:timers/promises";
import type { Statement } from "better-sqlite3-multiple-ciphers";
import { errorCode } from "../foundation/failure.ts";
import type { Storage } from "./storage.ts";

/** Tables that keep rows by mailbox, with the rest of their keys; the messages first, whose files go at the same time. */
const TABLES = [
  ["message", "uid"],
  ["expunged", "modseq, uid"],
  ["imported", "hash"],
  ["keyword", "name"],
  ["kept", "piece"],
] as const;

interface Table {
  readonly orphans: Statement<[], number>;
  readonly removeSome: Statement<[number, number, number], number | null>;
}

/**
 * Takes the rows of removed mailboxes out of the index, some at a time. The mailbox's own row is gone before: whatever
 * stands under its number is nobody's, also after a crash.
 */
export class RemovedMailboxes {
  readonly #storage: Pick<Storage, "db" | "contents" | "logger" | "wakeIndexer" | "rowsPerTransaction">;
  readonly #tables: readonly Table[];
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(storage: Pick<Storage, "db" | "contents" | "logger" | "wakeIndexer" | "rowsPerTransaction">) {
    this.#storage = storage;
    const { sqlite } = storage.db;
    this.#tables = TABLES.map(([name, key]): Table => {
      const table = `maildir_${name}`;
      return {
        // Each mailbox's number costs one step down the tree; all rows are not looked at.
        orphans: sqlite
          .prepare<[], number>(
            `WITH RECURSIVE number (id) AS (
               SELECT MIN(mailbox) FROM ${table}
               UNION ALL SELECT (SELECT MIN(mailbox) FROM ${table} WHERE mailbox > id) FROM number WHERE id IS NOT NULL
             )
             SELECT id FROM number WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM maildir_mailbox) LIMIT 1`,
          )
          .pluck(),
        removeSome: sqlite
          .prepare<[number, number, number], number | null>(
            `DELETE FROM ${table} WHERE mailbox = ? AND (${key}) IN (SELECT ${key} FROM ${table} WHERE mailbox = ? LIMIT ?)
             RETURNING ${name === "message" ? "content" : "NULL"}`,
          )
          .pluck(),
      };
    });
  }

  /** There may be something to do. */
  start(): void {
    this.#again = true;
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing is left. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Stops after the transaction that runs; the rest is for the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #work(): Promise<void> {
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        for (const table of this.#tables) {
          do await setImmediate();
          while (!this.#closed && this.#removeSome(table));
        }
        this.#storage.wakeIndexer();
      }
    } catch (error) {
      this.#storage.logger("warn", "a removed mailbox could not be taken out of the index yet", {
        reason: errorCode(error),
      });
    }
  }

  /** Nobody waits for it: a power cut makes it be done again. */
  #removeSome({ orphans, removeSome }: Table): boolean {
    const { db, contents, rowsPerTransaction } = this.#storage;
    return db.transactionUnsynced(() => {
      const mailbox = orphans.get();
      if (mailbox === undefined) return false;
      const removed = removeSome.all(mailbox, mailbox, rowsPerTransaction);
      contents.dropUnused(removed.filter((content) => content !== null));
      return true;
    });
  }
}
