import type { AddressLabel } from "../../foundation/address.ts";
import type { Database, Schema } from "../../foundation/database.ts";
import { RESEND_LIFETIME, RESEND_SIZE, SENT_TAGS_LIFETIME } from "../limits.ts";
import { receiptSchema } from "../receipts/receipt-schema.ts";
import { overlaySchema } from "../schema.ts";
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
    // With what overlay_unreceipted said. `receipt` is what the device has said; `none` where it is not waited for any more, or never was.
    `CREATE TABLE overlay_sent_once (
       id INTEGER PRIMARY KEY,
       delivery INTEGER NOT NULL,
       label TEXT NOT NULL,
       to_device INTEGER NOT NULL,
       device_id INTEGER NOT NULL,
       seq INTEGER NOT NULL,
       tag BLOB NOT NULL,
       letter BLOB NOT NULL,
       kind TEXT NOT NULL,
       size INTEGER NOT NULL,
       hash BLOB NOT NULL,
       at INTEGER NOT NULL,
       settled INTEGER NOT NULL,
       receipt TEXT NOT NULL CHECK (receipt IN ('none', 'awaited', 'acknowledged', 'delivered'))
     ) STRICT;
     INSERT INTO overlay_sent_once (delivery, label, to_device, device_id, seq, tag, letter, kind, size, hash, at, settled, receipt)
       SELECT coalesce(u.delivery, 0), s.label, s.to_device, s.device_id, s.seq, s.tag, s.letter, s.kind, s.size, s.hash, s.at, s.settled,
         CASE WHEN u.delivery IS NOT NULL THEN 'awaited'
           WHEN EXISTS (SELECT 1 FROM overlay_progress p WHERE p.letter = s.letter AND p.label = s.label AND p.kind = 'delivered') THEN 'delivered'
           ELSE 'none' END
       FROM overlay_sent s LEFT JOIN overlay_unreceipted u
         ON u.letter = s.letter AND u.label = s.label AND u.device_id = s.to_device AND u.header_hash = s.hash
       ORDER BY s.at, s.seq;
     INSERT INTO overlay_sent_once (delivery, label, to_device, device_id, seq, tag, letter, kind, size, hash, at, settled, receipt)
       SELECT u.delivery, u.label, u.device_id, 0, 0, coalesce(d.tag, x''), u.letter, d.kind, d.size, u.header_hash, u.since, 1, 'awaited'
       FROM overlay_unreceipted u JOIN overlay_delivery d ON d.id = u.delivery
       WHERE NOT EXISTS (SELECT 1 FROM overlay_sent s
         WHERE s.letter = u.letter AND s.label = u.label AND s.to_device = u.device_id AND s.hash = u.header_hash);
     DROP TABLE overlay_sent;
     DROP TABLE overlay_unreceipted;
     ALTER TABLE overlay_sent_once RENAME TO overlay_sent;
     CREATE INDEX overlay_sent_seq ON overlay_sent (label, to_device, device_id, seq);
     CREATE INDEX overlay_sent_tag ON overlay_sent (tag);
     CREATE INDEX overlay_sent_letter ON overlay_sent (letter);
     CREATE INDEX overlay_sent_awaited ON overlay_sent (label, to_device) WHERE receipt = 'awaited';`,
  ],
};

/** One letter to one recipient, as it was encrypted. */
export interface SentDelivery extends Omit<SentLetter, "settled"> {
  readonly delivery: number;
  readonly size: number;
  /** The recipient's devices are to acknowledge it. */
  readonly awaited: boolean;
}

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
 * Letters that were encrypted for a contact's devices, one row each: one that the contact cannot open, or never had, is
 * sent again; what a device has acknowledged is noted here too (unreceipted.ts). Contents are kept for as long as a relay
 * keeps cells. Synchronous, in the caller's transaction.
 */
export class SentLetters {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    for (const schema of [overlaySchema, receiptSchema, sentLettersSchema]) db.migrate(schema);
    this.#sqlite = db.sqlite;
  }

  /** `ends`: by device of the contact's, the letter's place in its chain. */
  add(to: AddressLabel, sent: SentDelivery, ends: ReadonlyMap<number, ChainEnd>, now: number): void {
    const { delivery, deviceId, tag, letter, kind, size, awaited } = sent;
    const insert = this.#sqlite.prepare(
      "INSERT INTO overlay_sent VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
    );
    const receipt = awaited ? "awaited" : "none";
    for (const [device, { seq, hash }] of ends)
      insert.run(delivery, to, device, deviceId, seq, tag, letter, kind, size, hash, now, receipt);
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
      .prepare(`SELECT ${COLUMNS} FROM overlay_sent INDEXED BY overlay_sent_tag WHERE tag = ? AND label = ? LIMIT 1`)
      .get(tag, to) as SentLetter | undefined;
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
    this.#sqlite
      .prepare("UPDATE overlay_sent INDEXED BY overlay_sent_tag SET settled = 1 WHERE tag = ? AND label = ?")
      .run(tag, to);
  }

  /** The contact is gone: nobody will ask. */
  remove(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_sent WHERE label = ?").run(label);
  }

  /** Forgets what is old, and the oldest contents where they take too much; the caller then releases these letters. */
  sweep(now: number): Buffer[] {
    // The oldest come first: nothing beyond the first that is young enough needs to be looked at.
    this.#sqlite
      .prepare(
        `DELETE FROM overlay_sent WHERE receipt <> 'awaited' AND
           id < coalesce((SELECT id FROM overlay_sent WHERE at >= ? ORDER BY id LIMIT 1), ?)`,
      )
      .run(now - SENT_TAGS_LIFETIME, Number.MAX_SAFE_INTEGER);
    return this.#sqlite
      .prepare(
        `UPDATE overlay_sent SET settled = 1 WHERE settled = 0 AND (at < ? OR id IN (
           SELECT id FROM (SELECT id, sum(size) OVER (ORDER BY at DESC, id DESC) AS total
             FROM overlay_sent WHERE settled = 0) WHERE total > ?))
         RETURNING letter`,
      )
      .pluck()
      .all(now - RESEND_LIFETIME, RESEND_SIZE) as Buffer[];
  }
}
