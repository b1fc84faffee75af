import type { AddressLabel } from "../../foundation/address.ts";
import type { Database, Schema } from "../../foundation/database.ts";
import { RENEWAL_TAGS_MAX, UNOPENED_LIFETIME } from "../limits.ts";
import type { Received } from "../sessions/renewal.ts";

export const unopenedSchema: Schema = {
  part: "overlay-unopened",
  migrations: [
    `CREATE TABLE overlay_unopened (
       label TEXT NOT NULL,
       device_id INTEGER NOT NULL,
       tag BLOB NOT NULL,
       at INTEGER NOT NULL,
       PRIMARY KEY (label, device_id, tag)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE overlay_received_mark (
       label TEXT NOT NULL,
       device_id INTEGER NOT NULL,
       as_device INTEGER NOT NULL,
       seq INTEGER NOT NULL,
       hash BLOB NOT NULL,
       mark BLOB NOT NULL,
       PRIMARY KEY (label, device_id)
     ) STRICT, WITHOUT ROWID;`,
  ],
};

/** What came of a contact's devices, as its renewals need it: letters that did not open, and the last that did. Synchronous, in the caller's transaction. */
export class UnopenedLetters {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    db.migrate(unopenedSchema);
    this.#sqlite = db.sqlite;
  }

  add(label: AddressLabel, deviceId: number, tag: Uint8Array, now: number): void {
    this.#sqlite.prepare("INSERT OR IGNORE INTO overlay_unopened VALUES (?, ?, ?, ?)").run(label, deviceId, tag, now);
    this.#sqlite
      .prepare(
        `DELETE FROM overlay_unopened WHERE label = ? AND device_id = ? AND tag NOT IN
           (SELECT tag FROM overlay_unopened WHERE label = ? AND device_id = ? ORDER BY at DESC LIMIT ?)`,
      )
      .run(label, deviceId, label, deviceId, RENEWAL_TAGS_MAX);
  }

  /** The oldest first. */
  tags(label: AddressLabel, deviceId: number): Buffer[] {
    return this.#sqlite
      .prepare("SELECT tag FROM overlay_unopened WHERE label = ? AND device_id = ? ORDER BY at")
      .pluck()
      .all(label, deviceId) as Buffer[];
  }

  /** The device whose letters did not open last. */
  lastDevice(label: AddressLabel): number | undefined {
    return this.#sqlite
      .prepare("SELECT device_id FROM overlay_unopened WHERE label = ? ORDER BY at DESC LIMIT 1")
      .pluck()
      .get(label) as number | undefined;
  }

  setReceived(label: AddressLabel, { deviceId, as, seq, hash, mark }: Received): void {
    this.#sqlite
      .prepare(
        `INSERT INTO overlay_received_mark VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET as_device = excluded.as_device, seq = excluded.seq, hash = excluded.hash, mark = excluded.mark
         WHERE excluded.seq > seq OR excluded.as_device <> as_device`,
      )
      .run(label, deviceId, as, seq, hash, mark);
  }

  received(label: AddressLabel, deviceId: number): Received {
    const row = this.#sqlite
      .prepare('SELECT as_device AS "as", seq, hash, mark FROM overlay_received_mark WHERE label = ? AND device_id = ?')
      .get(label, deviceId) as Omit<Received, "deviceId"> | undefined;
    return { deviceId, ...(row ?? { as: 0, seq: 0, hash: Buffer.alloc(32), mark: Buffer.alloc(16) }) };
  }

  sweep(now: number): void {
    this.#sqlite.prepare("DELETE FROM overlay_unopened WHERE at < ?").run(now - UNOPENED_LIFETIME);
  }

  /** The contact is gone. */
  remove(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_unopened WHERE label = ?").run(label);
    this.#sqlite.prepare("DELETE FROM overlay_received_mark WHERE label = ?").run(label);
  }
}
