import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import { LEDGER_LIFETIME, PROGRESS_TOLD_AFTER } from "../limits.ts";

/** `delayed`: it waits here for hours; `relayed`: a relay has had it for hours, the recipient not yet; `delivered`: a device took it. */
export type Progress = "delayed" | "relayed" | "delivered";

export interface ProgressRow {
  readonly letter: Buffer;
  readonly label: AddressLabel;
  readonly kind: Progress;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** How far mail has come, for telling its sender, each stage once. Synchronous, in the caller's transaction. */
export class LetterProgress {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    this.#sqlite = db.sqlite;
  }

  setDelivered(letter: Uint8Array, label: AddressLabel, now: number): void {
    this.#sqlite
      .prepare("INSERT OR IGNORE INTO overlay_progress (letter, label, kind, at) VALUES (?, ?, 'delivered', ?)")
      .run(letter, label, now);
  }

  /** Notes what has stood still for hours. */
  note(now: number): void {
    const note = (kind: Progress, states: string) =>
      this.#sqlite
        .prepare(
          `INSERT OR IGNORE INTO overlay_progress (letter, label, kind, at)
           SELECT letter, label, ?, ? FROM overlay_delivery d
           WHERE d.kind = 'mail' AND d.state IN (${states}) AND d.since <= ? AND NOT EXISTS
             (SELECT 1 FROM overlay_progress p WHERE p.letter = d.letter AND p.label = d.label AND p.kind != 'delayed') AND NOT EXISTS
             (SELECT 1 FROM overlay_sent AS s INDEXED BY overlay_sent_letter
              WHERE s.letter = d.letter AND s.label = d.label AND s.receipt = 'delivered')`,
        )
        .run(kind, now, now - PROGRESS_TOLD_AFTER);
    note("delayed", "'waiting', 'encrypted'");
    note("relayed", "'relayed'");
  }

  /** The oldest first. */
  untold(): ProgressRow[] {
    return this.#sqlite
      .prepare("SELECT letter, label, kind, at FROM overlay_progress WHERE told = 0 ORDER BY at, kind = 'delivered'")
      .all() as ProgressRow[];
  }

  setTold(letter: Uint8Array, label: AddressLabel, kind: Progress): void {
    this.#sqlite
      .prepare("UPDATE overlay_progress SET told = 1 WHERE letter = ? AND label = ? AND kind = ?")
      .run(letter, label, kind);
  }

  sweep(now: number): void {
    this.#sqlite.prepare("DELETE FROM overlay_progress WHERE at < ?").run(now - LEDGER_LIFETIME);
  }
}
