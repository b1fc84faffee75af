import type { AddressLabel } from "../../foundation/address.ts";
import type { Database, Schema } from "../../foundation/database.ts";
import { RESEND_LIFETIME, RESEND_SIZE, SENT_TAGS_LIFETIME } from "../limits.ts";
import type { ChainEnd } from "./chain.ts";
import type { LetterKind } from "./letter-header.ts";

export const sentLettersSchema: Schema = {
  part: "overlay-sent",
  migrations: [
    `CREATE TABLE overlay_sent (
       label TEXT NOT NULL,
       tag BLOB NOT NULL,
       device_id INTEGER NOT NULL,
       to_device INTEGER NOT NULL,
       seq INTEGER NOT NULL,
       letter BLOB NOT NULL,
       kind TEXT NOT NULL,
       size INTEGER NOT NULL,
       at INTEGER NOT NULL,
       settled INTEGER NOT NULL DEFAULT 0,
       PRIMARY KEY (label, tag, to_device)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX overlay_sent_letter ON overlay_sent (letter) WHERE settled = 0;
     CREATE INDEX overlay_sent_at ON overlay_sent (at);`,
    `ALTER TABLE overlay_sent ADD COLUMN hash BLOB NOT NULL DEFAULT x'';
     CREATE INDEX overlay_sent_seq ON overlay_sent (label, to_device, device_id, seq);`,
  ],
};

export interface SentLetter {
  readonly tag: Buffer;
  /** The own device that sent it. */
  readonly deviceId: number;
  readonly letter: Buffer;
  readonly kind: LetterKind;
  /** It was sent again, or its content is no longer kept. */
  readonly settled: 0 | 1;
}

const COLUMNS = "tag, device_id AS deviceId, letter, kind, settled";

/**
 * Letters that were encrypted for a contact, by the tag of their cells: one that the contact cannot open, or never had,
 * is sent again. Contents are kept for as long as a relay keeps cells. Synchronous, in the caller's transaction.
 */
export class SentLetters {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    db.migrate(sentLettersSchema);
    this.#sqlite = db.sqlite;
  }

  /** `ends`: by device of the contact's, the letter's place in its chain. */
  add(
    to: AddressLabel,
    sent: Omit<SentLetter, "settled"> & { readonly size: number },
    ends: ReadonlyMap<number, ChainEnd>,
    now: number,
  ): void {
    const insert = this.#sqlite.prepare("INSERT OR IGNORE INTO overlay_sent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)");
    for (const [device, { seq, hash }] of ends)
      insert.run(to, sent.tag, sent.deviceId, device, seq, sent.letter, sent.kind, sent.size, now, hash);
  }

  /** Hash of the header that the letter with this number had; undefined where that is not known any more. */
  hash(to: AddressLabel, device: number, deviceId: number, seq: number): Buffer | undefined {
    return this.#sqlite
      .prepare(
        `SELECT hash FROM overlay_sent WHERE label = ? AND to_device = ? AND device_id = ? AND seq = ? AND hash <> x''`,
      )
      .pluck()
      .get(to, device, deviceId, seq) as Buffer | undefined;
  }

  find(to: AddressLabel, tag: Uint8Array): SentLetter | undefined {
    return this.#sqlite
      .prepare(`SELECT ${COLUMNS} FROM overlay_sent WHERE label = ? AND tag = ? LIMIT 1`)
      .get(to, tag) as SentLetter | undefined;
  }

  /** What was sent to this device with a higher number, in order. */
  after(to: AddressLabel, device: number, deviceId: number, seq: number): SentLetter[] {
    return this.#sqlite
      .prepare(
        `SELECT ${COLUMNS} FROM overlay_sent
         WHERE label = ? AND to_device = ? AND device_id = ? AND seq > ? AND settled = 0 ORDER BY seq`,
      )
      .all(to, device, deviceId, seq) as SentLetter[];
  }

  settle(to: AddressLabel, tag: Uint8Array): void {
    this.#sqlite.prepare("UPDATE overlay_sent SET settled = 1 WHERE label = ? AND tag = ?").run(to, tag);
  }

  /** The contact is gone: nobody will ask. */
  remove(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_sent WHERE label = ?").run(label);
  }

  /** Forgets what is old, and the oldest contents where they take too much; the caller then releases these letters. */
  sweep(now: number): Buffer[] {
    this.#sqlite.prepare("DELETE FROM overlay_sent WHERE at < ?").run(now - SENT_TAGS_LIFETIME);
    return this.#sqlite
      .prepare(
        `UPDATE overlay_sent SET settled = 1 WHERE settled = 0 AND (at < ? OR (label, tag) IN (
           SELECT label, tag FROM (SELECT label, tag, sum(size) OVER (ORDER BY at DESC, tag) AS total
             FROM overlay_sent WHERE settled = 0) WHERE total > ?))
         RETURNING letter`,
      )
      .pluck()
      .all(now - RESEND_LIFETIME, RESEND_SIZE) as Buffer[];
  }
}
