import type { AddressLabel } from "../foundation/address.ts";
import type { Database } from "../foundation/database.ts";
import { LEDGER_LIFETIME, MISSING_MAX } from "./limits.ts";

/** One direction of one pair of devices: the last letter's number and header hash. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: Buffer;
}

const START: ChainEnd = { seq: 0, hash: Buffer.alloc(32) };

/** Numbers and ids of letters: what was sent last, what was received, what is missing. Synchronous, in the caller's transaction. */
export class Chains {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    this.#sqlite = db.sqlite;
  }

  sent(label: AddressLabel, deviceId: number): ChainEnd {
    const row = this.#sqlite
      .prepare("SELECT sent_seq AS seq, sent_hash AS hash FROM overlay_chain WHERE label = ? AND device_id = ?")
      .get(label, deviceId);
    return (row as ChainEnd | undefined) ?? START;
  }

  setSent(label: AddressLabel, deviceId: number, end: ChainEnd): void {
    this.#sqlite
      .prepare(
        `INSERT INTO overlay_chain VALUES (?, ?, ?, ?, 0, zeroblob(32))
         ON CONFLICT DO UPDATE SET sent_seq = excluded.sent_seq, sent_hash = excluded.sent_hash`,
      )
      .run(label, deviceId, end.seq, end.hash);
  }

  /**
   * Records a received letter's number. Returns how many before it are newly missing: letters skipped, plus one if the
   * one just before it was not the one that was received under that number.
   */
  receive(label: AddressLabel, deviceId: number, end: ChainEnd, prevHash: Uint8Array): number {
    const last =
      (this.#sqlite
        .prepare(
          "SELECT received_seq AS seq, received_hash AS hash FROM overlay_chain WHERE label = ? AND device_id = ?",
        )
        .get(label, deviceId) as ChainEnd | undefined) ?? START;
    if (end.seq <= last.seq) {
      this.#sqlite
        .prepare("DELETE FROM overlay_missing WHERE label = ? AND device_id = ? AND seq = ?")
        .run(label, deviceId, end.seq);
      return 0;
    }
    this.#sqlite
      .prepare(
        `INSERT INTO overlay_chain VALUES (?, ?, 0, zeroblob(32), ?, ?)
         ON CONFLICT DO UPDATE SET received_seq = excluded.received_seq, received_hash = excluded.received_hash`,
      )
      .run(label, deviceId, end.seq, end.hash);
    const skipped = end.seq - last.seq - 1;
    if (skipped === 0) return last.hash.equals(prevHash) ? 0 : 1;
    const insert = this.#sqlite.prepare("INSERT OR IGNORE INTO overlay_missing VALUES (?, ?, ?)");
    for (let seq = Math.max(last.seq + 1, end.seq - MISSING_MAX); seq < end.seq; seq++)
      insert.run(label, deviceId, seq);
    return skipped;
  }

  /** Letters that never came, as far as they are noted. */
  missing(label: AddressLabel): number {
    return Number(this.#sqlite.prepare("SELECT count(*) FROM overlay_missing WHERE label = ?").pluck().get(label));
  }

  /** True if a letter with this id came from this contact before. */
  seen(label: AddressLabel, letter: Uint8Array): boolean {
    return (
      this.#sqlite.prepare("SELECT 1 FROM overlay_seen WHERE label = ? AND letter = ?").get(label, letter) !== undefined
    );
  }

  /** True if a letter whose cells have this tag was received; libsignal does not always tell a repetition from a forgery. */
  seenTag(label: AddressLabel, tag: Uint8Array): boolean {
    return this.#sqlite.prepare("SELECT 1 FROM overlay_seen WHERE label = ? AND tag = ?").get(label, tag) !== undefined;
  }

  setSeen(label: AddressLabel, letter: Uint8Array, tag: Uint8Array, now: number): void {
    this.#sqlite.prepare("INSERT OR IGNORE INTO overlay_seen VALUES (?, ?, ?, ?)").run(label, letter, tag, now);
  }

  sweep(now: number): void {
    this.#sqlite.prepare("DELETE FROM overlay_seen WHERE at < ?").run(now - LEDGER_LIFETIME);
  }

  /** Forgets the numbers; the ids stay, so that nothing that was received comes a second time. */
  remove(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_chain WHERE label = ?").run(label);
    this.#sqlite.prepare("DELETE FROM overlay_missing WHERE label = ?").run(label);
  }
}
