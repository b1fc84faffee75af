import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import { LETTER_WINDOW, RESEND_AFTER, UNRECEIPTED_KEPT, UNRECEIPTED_LIFETIME } from "../limits.ts";
import type { Receipt } from "../receipts/receipt.ts";

/** A letter that one recipient has not wholly acknowledged. */
export interface Unreceipted {
  readonly id: number;
  readonly letter: Buffer;
  readonly label: AddressLabel;
  readonly kind: "mail" | "control";
}

/** Letters that were encrypted for a device which has not acknowledged them. Synchronous, in the caller's transaction. */
export class UnreceiptedLetters {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    this.#sqlite = db.sqlite;
  }

  add(delivery: Unreceipted, deviceId: number, headerHash: Buffer, now: number): void {
    this.#sqlite
      .prepare("INSERT OR REPLACE INTO overlay_unreceipted VALUES (?, ?, ?, ?, ?, ?)")
      .run(delivery.id, deviceId, delivery.letter, delivery.label, headerHash, now);
  }

  /** Letters that may still be encrypted for this device before it acknowledges some. */
  room(label: AddressLabel, deviceId: number): number {
    const count = this.#sqlite
      .prepare("SELECT count(*) FROM overlay_unreceipted WHERE label = ? AND device_id = ?")
      .pluck()
      .get(label, deviceId) as number;
    return Math.max(0, LETTER_WINDOW - count);
  }

  /** Takes a device's word; returns the delivery, if the receipt is for what that device was sent. */
  receive(label: AddressLabel, deviceId: number, { letter, headerHash }: Receipt): Unreceipted | undefined {
    const delivery = this.#sqlite
      .prepare(
        `DELETE FROM overlay_unreceipted WHERE letter = ? AND label = ? AND device_id = ? AND header_hash = ?
         RETURNING delivery`,
      )
      .pluck()
      .get(letter, label, deviceId, headerHash);
    if (delivery === undefined) return undefined;
    return this.#sqlite.prepare("SELECT id, letter, label, kind FROM overlay_delivery WHERE id = ?").get(delivery) as
      | Unreceipted
      | undefined;
  }

  /** True if any device has yet to acknowledge it. */
  has(delivery: number): boolean {
    return (
      this.#sqlite.prepare("SELECT 1 FROM overlay_unreceipted WHERE delivery = ? LIMIT 1").get(delivery) !== undefined
    );
  }

  remove(delivery: number): void {
    this.#sqlite.prepare("DELETE FROM overlay_unreceipted WHERE delivery = ?").run(delivery);
  }

  /** Letters that a relay has had for longer than it keeps them, and that are still here: their stored cells go out again. */
  resend(now: number): AddressLabel[] {
    const labels = this.#sqlite
      .prepare(
        `UPDATE overlay_delivery SET state = 'encrypted', accepted = 0, since = ?
         WHERE state = 'relayed' AND since < ? AND slots IS NOT NULL
           AND id IN (SELECT delivery FROM overlay_unreceipted) RETURNING label`,
      )
      .pluck()
      .all(now, now - RESEND_AFTER) as AddressLabel[];
    return [...new Set(labels)];
  }

  /** Stops waiting for devices, of one contact or all, that there is no session with any more; what no other has taken is encrypted anew. */
  forgetLostDevices(only?: AddressLabel): AddressLabel[] {
    const ids = this.#sqlite
      .prepare(
        `DELETE FROM overlay_unreceipted AS u WHERE u.label = coalesce(?, u.label) AND NOT EXISTS
           (SELECT 1 FROM device_session s WHERE s.label = u.label AND s.device_id = u.device_id) RETURNING delivery`,
      )
      .pluck()
      .all(only ?? null) as number[];
    const anew = this.#sqlite
      .prepare(
        `UPDATE overlay_delivery AS d SET state = 'waiting', accepted = 0, tag = NULL, slots = NULL
         WHERE id = ? AND state = 'relayed' AND slots IS NOT NULL AND NOT EXISTS
           (SELECT 1 FROM overlay_progress p WHERE p.letter = d.letter AND p.label = d.label AND p.kind = 'delivered')
         RETURNING label`,
      )
      .pluck();
    const labels = ids.flatMap((id) => (this.has(id) ? [] : [anew.get(id)])) as (AddressLabel | undefined)[];
    return [...new Set(labels)].filter((label) => label !== undefined);
  }

  /** Letters that were not acknowledged for as long as is waited for that. */
  overdue(now: number): Unreceipted[] {
    return this.#sqlite
      .prepare(
        `SELECT id, letter, label, kind FROM overlay_delivery
         WHERE id IN (SELECT delivery FROM overlay_unreceipted WHERE since < ?)`,
      )
      .all(now - UNRECEIPTED_LIFETIME) as Unreceipted[];
  }

  /** The oldest relayed letters beyond what is kept for sending again, as ids of letters. */
  beyondKept(): Buffer[] {
    const rows = this.#sqlite
      .prepare(
        `SELECT letter, size FROM overlay_letter WHERE NOT EXISTS
           (SELECT 1 FROM overlay_delivery d WHERE d.letter = overlay_letter.letter AND d.state IN ('waiting', 'encrypted'))
         ORDER BY rowid DESC`,
      )
      .iterate() as IterableIterator<{ letter: Buffer; size: number }>;
    const beyond: Buffer[] = [];
    let size = 0;
    for (const row of rows) {
      size += row.size;
      if (size > UNRECEIPTED_KEPT) beyond.push(row.letter);
    }
    return beyond;
  }

  /** Deliveries of a contact that is one no more. */
  deliveries(label: AddressLabel): Unreceipted[] {
    return this.#sqlite
      .prepare(
        `SELECT id, letter, label, kind FROM overlay_delivery
         WHERE id IN (SELECT delivery FROM overlay_unreceipted WHERE label = ?)`,
      )
      .all(label) as Unreceipted[];
  }
}
