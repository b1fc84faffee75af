import { setImmediate } from "node:timers/promises";
import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database, Schema } from "../foundation/database.ts";
import { KEPT_PIECE } from "./limits.ts";
import { turnTaker } from "./turns.ts";

/** What a front wants to find again after the next start, by mailbox; nothing that could not be made anew. */
export const KEPT_OCTETS_SCHEMA: Schema = {
  part: "maildir-kept",
  migrations: [
    `
    CREATE TABLE maildir_kept (
      mailbox INTEGER NOT NULL,
      piece INTEGER NOT NULL,
      octets BLOB NOT NULL,
      PRIMARY KEY (mailbox, piece)
    ) STRICT;
    `,
  ],
};

/** The table of it. Nobody waits for it, so nothing is synced, and each piece is a transaction: a crash may leave some. */
export class KeptOctets {
  readonly #db: Database;
  readonly #piece: Statement<[number, number], Buffer>;
  readonly #insert: Statement<[number, number, Uint8Array], unknown>;
  readonly #remove: Statement<[number], unknown>;
  /** Mailboxes for which something is just being written. */
  readonly #busy = new Set<number>();

  constructor(db: Database) {
    this.#db = db;
    const { sqlite } = db;
    this.#piece = sqlite
      .prepare<[number, number], Buffer>("SELECT octets FROM maildir_kept WHERE mailbox = ? AND piece = ?")
      .pluck();
    this.#insert = sqlite.prepare("INSERT INTO maildir_kept VALUES (?, ?, ?)");
    this.#remove = sqlite.prepare("DELETE FROM maildir_kept WHERE mailbox = ?");
  }

  /** Undefined where there is nothing, or where others are just written. */
  async of(mailbox: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const turn = turnTaker();
    const pieces: Buffer[] = [];
    for (;;) {
      if (this.#busy.has(mailbox)) return undefined;
      const piece = this.#piece.get(mailbox, pieces.length);
      if (piece === undefined) break;
      pieces.push(piece);
      await turn();
    }
    if (pieces.length === 0) return undefined;
    const octets = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let position = 0;
    for (const piece of pieces) {
      octets.set(piece, position);
      position += piece.length;
    }
    return octets;
  }

  /** In place of what was kept before; passed over while others are written. */
  async replace(mailbox: number, octets: Uint8Array): Promise<void> {
    if (this.#busy.has(mailbox)) return;
    this.#busy.add(mailbox);
    try {
      this.#db.transactionUnsynced(() => this.#remove.run(mailbox));
      for (let piece = 0; piece * KEPT_PIECE < octets.length; piece++) {
        await setImmediate();
        const part = octets.subarray(piece * KEPT_PIECE, (piece + 1) * KEPT_PIECE);
        this.#db.transactionUnsynced(() => this.#insert.run(mailbox, piece, part));
      }
    } finally {
      this.#busy.delete(mailbox);
    }
  }
}
