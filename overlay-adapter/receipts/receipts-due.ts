import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import {
  ACKNOWLEDGEMENT_DELAY,
  ACKNOWLEDGEMENT_DELAY_LEAST,
  ACKNOWLEDGEMENTS_HURRY,
  LEDGER_LIFETIME,
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

/** Received letters, and when their sender hears of it. Synchronous, in the caller's transaction. */
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

  /** A letter was taken. Sent again under another header, it is acknowledged under that one. */
  add(label: AddressLabel, { letter, headerHash }: Receipt, now: number): void {
    this.#sqlite
      .prepare(
        `INSERT INTO overlay_receipt VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET header_hash = excluded.header_hash, due = coalesce(due, excluded.due)`,
      )
      .run(label, letter, headerHash, now, this.#due(label, now));
  }

  /** The letter whose cells have this tag came once more: perhaps its receipt was lost. */
  repeat(label: AddressLabel, tag: Uint8Array, now: number): void {
    this.#sqlite
      .prepare(
        `UPDATE overlay_receipt SET due = ?, at = ? WHERE label = ? AND due IS NULL AND at < ?
           AND letter IN (SELECT letter FROM overlay_seen WHERE label = ? AND tag = ?)`,
      )
      .run(this.#due(label, now), now, label, now - RECEIPT_PAUSE, label, tag);
  }

  /** When the next are due; undefined where none waits. */
  next(): number | undefined {
    const at = this.#sqlite.prepare("SELECT min(due) FROM overlay_receipt WHERE due IS NOT NULL").pluck().get();
    return typeof at === "number" ? at : undefined;
  }

  /** Contacts that are to be written to now. */
  labels(now: number): AddressLabel[] {
    return this.#sqlite
      .prepare("SELECT DISTINCT label FROM overlay_receipt WHERE due <= ?")
      .pluck()
      .all(now) as AddressLabel[];
  }

  /** Takes as many as one letter holds, the due ones and those that wait with them; they are not due any more. */
  take(label: AddressLabel, now: number): Receipt[] {
    const receipts = this.#sqlite
      .prepare(
        `SELECT letter, header_hash AS headerHash FROM overlay_receipt
         WHERE label = ? AND due IS NOT NULL ORDER BY due LIMIT ?`,
      )
      .all(label, RECEIPTS_MAX) as Receipt[];
    const sent = this.#sqlite.prepare("UPDATE overlay_receipt SET due = NULL, at = ? WHERE label = ? AND letter = ?");
    for (const { letter } of receipts) sent.run(now, label, letter);
    return receipts;
  }

  sweep(now: number): void {
    this.#sqlite.prepare("DELETE FROM overlay_receipt WHERE at < ? AND due IS NULL").run(now - LEDGER_LIFETIME);
  }

  remove(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_receipt WHERE label = ?").run(label);
  }

  /** With those that wait already, if any do: one letter holds them all. */
  #due(label: AddressLabel, now: number): number {
    const { send, longestDelay = RECEIPT_DELAY } = this.#policy;
    const waiting = this.#sqlite
      .prepare("SELECT count(*) AS count, min(due) AS first FROM overlay_receipt WHERE label = ? AND due IS NOT NULL")
      .get(label) as { count: number; first: number | null };
    if (waiting.count + 1 >= (send ? RECEIPTS_HURRY : ACKNOWLEDGEMENTS_HURRY)) return this.#hurry(label, now);
    const [least, most] = send ? [0, longestDelay] : [ACKNOWLEDGEMENT_DELAY_LEAST, ACKNOWLEDGEMENT_DELAY];
    // A clock that was set back must not put them off for ever.
    const due = now + least + Math.floor(this.#fraction() * (most - least));
    return Math.min(waiting.first ?? Number.POSITIVE_INFINITY, due);
  }

  #hurry(label: AddressLabel, now: number): number {
    this.#sqlite.prepare("UPDATE overlay_receipt SET due = ? WHERE label = ? AND due > ?").run(now, label, now);
    return now;
  }
}
