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

/** A letter as a device has acknowledged it. */
export interface Acknowledged {
  readonly delivery: number;
  readonly letter: Buffer;
  readonly kind: "mail" | "control";
  /** Its content is kept for nobody else. */
  readonly settled: 0 | 1;
}

/** True of a delivery `d` that a device has yet to acknowledge. */
export const AWAITED = `EXISTS (SELECT 1 FROM overlay_sent AS s INDEXED BY overlay_sent_letter
  WHERE s.letter = d.letter AND s.label = d.label AND s.receipt = 'awaited')`;

/** Sent letters that a device has yet to acknowledge. Synchronous, in the caller's transaction. */
export class UnreceiptedLetters {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    this.#sqlite = db.sqlite;
  }

  /** Letters that may still be encrypted for this device before it acknowledges some. */
  room(label: AddressLabel, deviceId: number): number {
    const count = this.#sqlite
      .prepare("SELECT count(*) FROM overlay_sent WHERE label = ? AND to_device = ? AND receipt = 'awaited'")
      .pluck()
      .get(label, deviceId) as number;
    return Math.max(0, LETTER_WINDOW - count);
  }

  /** Takes a device's word; returns those of the receipts that are for what the device was sent, each once. */
  receive(
    label: AddressLabel,
    deviceId: number,
    receipts: readonly Receipt[],
    receipt: "acknowledged" | "delivered",
  ): Acknowledged[] {
    const take = this.#sqlite.prepare(
      `UPDATE overlay_sent INDEXED BY overlay_sent_letter SET receipt = ?
       WHERE letter = ? AND label = ? AND to_device = ? AND hash = ? AND receipt = 'awaited'
       RETURNING delivery, letter, kind, settled`,
    );
    return receipts.flatMap(
      ({ letter, headerHash }) => take.all(receipt, letter, label, deviceId, headerHash) as Acknowledged[],
    );
  }

  /** No device is waited for any more. */
  remove(letter: Uint8Array, label: AddressLabel): void {
    this.#sqlite
      .prepare(
        `UPDATE overlay_sent INDEXED BY overlay_sent_letter SET receipt = 'none'
         WHERE letter = ? AND label = ? AND receipt = 'awaited'`,
      )
      .run(letter, label);
  }

  /** Letters that a relay has had for longer than it keeps them, and that are still here: their stored cells go out again. */
  resend(now: number): AddressLabel[] {
    const labels = this.#sqlite
      .prepare(
        `UPDATE overlay_delivery AS d SET state = 'encrypted', accepted = 0, since = ?
         WHERE state = 'relayed' AND since < ? AND slots IS NOT NULL AND ${AWAITED} RETURNING label`,
      )
      .pluck()
      .all(now, now - RESEND_AFTER) as AddressLabel[];
    return [...new Set(labels)];
  }

  /** Stops waiting for devices, of one contact or all, that there is no session with any more; what no other has taken is encrypted anew. */
  forgetLostDevices(only?: AddressLabel): AddressLabel[] {
    const lost = this.#sqlite
      .prepare(
        `UPDATE overlay_sent AS u SET receipt = 'none'
         WHERE u.receipt = 'awaited' AND u.label = coalesce(?, u.label) AND NOT EXISTS
           (SELECT 1 FROM device_session s WHERE s.label = u.label AND s.device_id = u.to_device)
         RETURNING letter, label`,
      )
      .all(only ?? null) as { letter: Buffer; label: AddressLabel }[];
    const anew = this.#sqlite
      .prepare(
        `UPDATE overlay_delivery AS d SET state = 'waiting', accepted = 0, tag = NULL, slots = NULL
         WHERE letter = ? AND label = ? AND state = 'relayed' AND slots IS NOT NULL AND NOT EXISTS
           (SELECT 1 FROM overlay_sent AS s INDEXED BY overlay_sent_letter
            WHERE s.letter = d.letter AND s.label = d.label AND s.receipt IN ('awaited', 'delivered'))
         RETURNING label`,
      )
      .pluck();
    const labels = lost.map(({ letter, label }) => anew.get(letter, label)) as (AddressLabel | undefined)[];
    return [...new Set(labels)].filter((label) => label !== undefined);
  }

  /** Letters that were not acknowledged for as long as is waited for that. */
  overdue(now: number): Unreceipted[] {
    return this.#sqlite
      .prepare(
        `SELECT id, letter, label, kind FROM overlay_delivery
         WHERE (letter, label) IN (SELECT letter, label FROM overlay_sent WHERE receipt = 'awaited' AND at < ?)`,
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
         WHERE label = ? AND letter IN (SELECT letter FROM overlay_sent WHERE label = ? AND receipt = 'awaited')`,
      )
      .all(label, label) as Unreceipted[];
  }
}
