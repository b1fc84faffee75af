import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import { MISSING_GRACE, MISSING_MAX } from "../limits.ts";

/** Letters of one contact's device that have not come, though later ones did long ago. */
export interface Gap {
  readonly from: AddressLabel;
  readonly deviceId: number;
  readonly missing: number;
  /** Milliseconds since 1970: those that were noticed up to then are meant. */
  readonly noticedUntil: number;
}

/**
 * Numbers of letters that were skipped. A letter that a relay refused at first overtakes none but itself: it comes late,
 * so a gap is told only when it has stood for a while. Synchronous, in the caller's transaction.
 */
export class MissingLetters {
  readonly #sqlite: Database["sqlite"];

  constructor({ sqlite }: Database) {
    this.#sqlite = sqlite;
  }

  /** Notes the numbers from `first` up to, but without, `end`; of more than 2,000 the last ones. */
  note(label: AddressLabel, deviceId: number, first: number, end: number, now: number): void {
    const insert = this.#sqlite.prepare(
      "INSERT OR IGNORE INTO overlay_missing (label, device_id, seq, at) VALUES (?, ?, ?, ?)",
    );
    for (let seq = Math.max(first, end - MISSING_MAX); seq < end; seq++) insert.run(label, deviceId, seq, now);
  }

  /** It came after all. */
  came(label: AddressLabel, deviceId: number, seq: number): void {
    this.#sqlite
      .prepare("DELETE FROM overlay_missing WHERE label = ? AND device_id = ? AND seq = ?")
      .run(label, deviceId, seq);
  }

  /** What has been missing for so long that the user has to know, and was not told. */
  untold(now: number): Gap[] {
    return this.#sqlite
      .prepare(
        `SELECT label AS "from", device_id AS deviceId, count(*) AS missing, max(at) AS noticedUntil
         FROM overlay_missing WHERE told = 0 AND at <= ? GROUP BY label, device_id`,
      )
      .all(now - MISSING_GRACE) as Gap[];
  }

  setTold({ from, deviceId, noticedUntil }: Omit<Gap, "missing">): void {
    this.#sqlite
      .prepare("UPDATE overlay_missing SET told = 1 WHERE label = ? AND device_id = ? AND at <= ?")
      .run(from, deviceId, noticedUntil);
  }

  remove(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_missing WHERE label = ?").run(label);
  }
}
