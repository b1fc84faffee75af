import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import {
  ACKNOWLEDGEMENT_DELAY,
  ACKNOWLEDGEMENT_DELAY_LEAST,
  ACKNOWLEDGEMENTS_HURRY,
  RECEIPT_DELAY,
  RECEIPT_PAUSE,
  RECEIPTS_HURRY,
  RECEIPTS_MAX,
} from "../limits.ts";
import type { Receipt } from "./receipt.ts";

export interface ReceiptPolicy {
  /** False: the sender's bridge learns, a week later at most, only that it need not keep the letter. */
  readonly send: boolean;
  /** Milliseconds that a receipt waits at most; 10 minutes unless given. */
  readonly longestDelay?: number;
}

/** Rows of the ledger (letters/ledger.ts) whose letter is to be acknowledged. */
const WAITING = "receipted_at IS NULL AND header_hash IS NOT NULL";

/** Received letters that are to be acknowledged, and when. Synchronous, in the caller's transaction. */
export class ReceiptsDue {
  readonly #sqlite: Database["sqlite"];
  readonly #policy: ReceiptPolicy;
  readonly #fraction: () => number;

  /** `fraction` gives random numbers from 0 up to 1. */
  constructor(db: Database, policy: ReceiptPolicy, fraction: () => number) {
    this.#sqlite = db.sqlite;
    this.#policy = policy;
    this.#fraction = fraction;
  }

  /** `receipts` are told to the user who sent; `acknowledgements` to the bridge alone. */
  get kind(): "receipts" | "acknowledgements" {
    return this.#policy.send ? "receipts" : "acknowledgements";
  }

  /** Letters were recorded (ledger.ts): when their receipts are due, if any are to be sent. One letter holds all that wait. */
  add(label: AddressLabel, now: number): number | undefined {
    const { waiting, due } = this.#sqlite
      .prepare(
        `SELECT (SELECT count(*) FROM overlay_received WHERE label = ? AND ${WAITING}) AS waiting,
           (SELECT due FROM overlay_receipts_due WHERE label = ?) AS due`,
      )
      .get(label, label) as { waiting: number; due: number | null };
    if (waiting === 0) return undefined;
    const at = Math.min(due ?? Number.POSITIVE_INFINITY, now + this.#delay(waiting));
    if (at !== due)
      this.#sqlite
        .prepare("INSERT INTO overlay_receipts_due VALUES (?, ?) ON CONFLICT DO UPDATE SET due = excluded.due")
        .run(label, at);
    return at;
  }

  /** The letter whose cells have this tag came once more: perhaps its receipt was lost. When it is due again, if it is. */
  repeat(label: AddressLabel, tag: Uint8Array, now: number): number | undefined {
    const { changes } = this.#sqlite
      .prepare(
        `UPDATE overlay_received SET receipted_at = NULL
         WHERE tag = ? AND label = ? AND header_hash IS NOT NULL AND receipted_at < ?`,
      )
      .run(tag, label, now - RECEIPT_PAUSE);
    return changes > 0 ? this.add(label, now) : undefined;
  }

  /** When the next are due; undefined where none waits. */
  next(): number | undefined {
    const at = this.#sqlite.prepare("SELECT min(due) FROM overlay_receipts_due").pluck().get();
    return typeof at === "number" ? at : undefined;
  }

  /** Contacts that are to be written to now. */
  labels(now: number): AddressLabel[] {
    return this.#sqlite
      .prepare("SELECT label FROM overlay_receipts_due WHERE due <= ?")
      .pluck()
      .all(now) as AddressLabel[];
  }

  /** Takes as many as one letter holds, the oldest first; they are not due any more. */
  take(label: AddressLabel, now: number): Receipt[] {
    const taken = this.#sqlite
      .prepare(
        `SELECT id, letter, header_hash AS headerHash FROM overlay_received WHERE label = ? AND ${WAITING}
         ORDER BY id LIMIT ?`,
      )
      .all(label, RECEIPTS_MAX) as (Receipt & { id: number })[];
    this.#sqlite
      .prepare(`UPDATE overlay_received SET receipted_at = ? WHERE label = ? AND id <= ? AND ${WAITING}`)
      .run(now, label, taken.at(-1)?.id ?? 0);
    this.#sqlite
      .prepare(
        `DELETE FROM overlay_receipts_due
         WHERE label = ? AND NOT EXISTS (SELECT 1 FROM overlay_received WHERE label = ? AND ${WAITING})`,
      )
      .run(label, label);
    return taken;
  }

  /** Nothing that the contact sent is acknowledged any more. */
  remove(label: AddressLabel): void {
    this.#sqlite.prepare(`UPDATE overlay_received SET header_hash = NULL WHERE label = ? AND ${WAITING}`).run(label);
    this.#sqlite.prepare("DELETE FROM overlay_receipts_due WHERE label = ?").run(label);
  }

  /** Milliseconds that so many may wait. Drawn anew for each letter, and the shortest counts: a clock that was set back must not put them off for ever. */
  #delay(waiting: number): number {
    const { send, longestDelay = RECEIPT_DELAY } = this.#policy;
    if (waiting >= (send ? RECEIPTS_HURRY : ACKNOWLEDGEMENTS_HURRY)) return 0;
    const [least, most] = send ? [0, longestDelay] : [ACKNOWLEDGEMENT_DELAY_LEAST, ACKNOWLEDGEMENT_DELAY];
    return least + Math.floor(this.#fraction() * (most - least));
  }
}
