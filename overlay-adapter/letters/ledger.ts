import type { AddressLabel } from "../../foundation/address.ts";
import type { Database, Schema } from "../../foundation/database.ts";
import { LEDGER_LIFETIME } from "../limits.ts";

/** One row per letter that came, whoever asks for it: each random key more is a page more to be written. */
const ledgerSchema: Schema = {
  part: "overlay-ledger",
  migrations: [
    `CREATE TABLE overlay_received (
       id INTEGER PRIMARY KEY,
       label TEXT NOT NULL,
       letter BLOB NOT NULL,
       tag BLOB NOT NULL,
       at INTEGER NOT NULL,
       -- NULL: it is not to be acknowledged.
       header_hash BLOB,
       -- When it was acknowledged last; NULL: it waits to be.
       receipted_at INTEGER
     ) STRICT;
     CREATE TABLE overlay_receipts_due (
       label TEXT PRIMARY KEY,
       due INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     INSERT INTO overlay_received (label, letter, tag, at, header_hash, receipted_at)
       SELECT label, letter, tag, seen.at, header_hash, iif(due IS NULL, receipt.at, NULL)
       FROM overlay_seen AS seen LEFT JOIN overlay_receipt AS receipt USING (label, letter) ORDER BY seen.at;
     INSERT INTO overlay_receipts_due SELECT label, min(due) FROM overlay_receipt WHERE due IS NOT NULL GROUP BY label;
     DROP TABLE overlay_seen;
     DROP TABLE overlay_receipt;
     CREATE INDEX overlay_received_letter ON overlay_received (letter);
     CREATE INDEX overlay_received_tag ON overlay_received (tag);
     CREATE INDEX overlay_received_at ON overlay_received (at);
     CREATE INDEX overlay_received_waiting ON overlay_received (label, id)
       WHERE receipted_at IS NULL AND header_hash IS NOT NULL;`,
  ],
};

/** A letter that came, as it is recorded. */
export interface LedgerEntry {
  /** 16 bytes. */
  readonly letter: Uint8Array;
  /** Of its cells, 16 bytes. */
  readonly tag: Uint8Array;
  /** What it is to be acknowledged by (receipts-due.ts); undefined where it is not. */
  readonly headerHash?: Uint8Array | undefined;
}

/** Which letters came. Synchronous, in the caller's transaction. */
export class Ledger {
  readonly #sqlite: Database["sqlite"];

  /** After the overlay's and the receipts' own tables, whose rows it takes over. */
  constructor(db: Database) {
    db.migrate(ledgerSchema);
    this.#sqlite = db.sqlite;
  }

  /** True if a letter with this id came from this contact before. */
  seen(label: AddressLabel, letter: Uint8Array): boolean {
    return (
      this.#sqlite.prepare("SELECT 1 FROM overlay_received WHERE letter = ? AND label = ?").get(letter, label) !==
      undefined
    );
  }

  /** True if a letter whose cells have this tag was received; libsignal does not always tell a repetition from a forgery. */
  seenTag(label: AddressLabel, tag: Uint8Array): boolean {
    return (
      this.#sqlite.prepare("SELECT 1 FROM overlay_received WHERE tag = ? AND label = ?").get(tag, label) !== undefined
    );
  }

  add(label: AddressLabel, { letter, tag, headerHash }: LedgerEntry, now: number): void {
    this.#sqlite
      .prepare("INSERT INTO overlay_received (label, letter, tag, at, header_hash) VALUES (?, ?, ?, ?, ?)")
      .run(label, letter, tag, now, headerHash ?? null);
  }

  /** A letter that came before came again under another header: it is acknowledged under that one. */
  addAgain(label: AddressLabel, entry: LedgerEntry, now: number): void {
    if (entry.headerHash !== undefined)
      this.#sqlite
        .prepare("UPDATE overlay_received SET header_hash = NULL WHERE letter = ? AND label = ?")
        .run(entry.letter, label);
    this.add(label, entry, now);
  }

  sweep(now: number): void {
    this.#sqlite.prepare("DELETE FROM overlay_received WHERE at < ?").run(now - LEDGER_LIFETIME);
  }
}
