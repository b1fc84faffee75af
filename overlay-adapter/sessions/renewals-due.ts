import type { AddressLabel } from "../../foundation/address.ts";
import type { Database, Schema } from "../../foundation/database.ts";
import { RENEWAL_PAUSE } from "../limits.ts";

export const renewalsSchema: Schema = {
  part: "overlay-renewal",
  migrations: [
    `CREATE TABLE overlay_renewal (
       label TEXT PRIMARY KEY,
       due INTEGER NOT NULL,
       begin INTEGER NOT NULL,
       answer INTEGER NOT NULL,
       sent_at INTEGER NOT NULL DEFAULT 0,
       sent_states BLOB NOT NULL DEFAULT x''
     ) STRICT, WITHOUT ROWID;`,
  ],
};

/** Contacts whose queue was gone when a renewal was to go there. */
export const unreachableSchema: Schema = {
  part: "overlay-unreachable",
  migrations: ["CREATE TABLE overlay_unreachable (label TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID"],
};

/** A renewal that a contact is to get; `due` counts what asked for it. */
export interface DueRenewal {
  readonly due: number;
  readonly begin: boolean;
  readonly answer: boolean;
}

/** Which contacts are to get a renewal. Synchronous, in the caller's transaction. */
export class RenewalsDue {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    db.migrate(renewalsSchema);
    db.migrate(unreachableSchema);
    this.#sqlite = db.sqlite;
  }

  set(label: AddressLabel, { begin = false, answer = false }: { begin?: boolean; answer?: boolean }): void {
    this.#sqlite
      .prepare(
        `INSERT INTO overlay_renewal (label, due, begin, answer) VALUES (?, 1, ?, ?)
         ON CONFLICT DO UPDATE SET due = due + 1, begin = max(begin, excluded.begin), answer = max(answer, excluded.answer)`,
      )
      .run(label, Number(begin), Number(answer));
  }

  /** Undefined where none is due, or one with the same account states (`states`: their hashes) went out a moment ago. */
  get(label: AddressLabel, states: Uint8Array, now: number): DueRenewal | undefined {
    const row = this.#sqlite
      .prepare(
        `SELECT due, begin, answer FROM overlay_renewal
         WHERE label = ? AND due > 0 AND (sent_at NOT BETWEEN ? AND ? OR sent_states <> ?)`,
      )
      .get(label, now - RENEWAL_PAUSE + 1, now, states) as { due: number; begin: 0 | 1; answer: 0 | 1 } | undefined;
    return row && { due: row.due, begin: row.begin === 1, answer: row.answer === 1 };
  }

  /** The relay knows no such queue of the contact's, or not any more. */
  setGone(label: AddressLabel, now: number): void {
    this.#sqlite.prepare("INSERT OR REPLACE INTO overlay_unreachable VALUES (?, ?)").run(label, now);
  }

  /** What was asked for while it was on its way stays due. */
  setSent(label: AddressLabel, { due }: DueRenewal, states: Uint8Array, now: number): void {
    this.#sqlite
      .prepare("UPDATE overlay_renewal SET sent_at = ?, sent_states = ? WHERE label = ?")
      .run(now, states, label);
    this.#sqlite.prepare("DELETE FROM overlay_unreachable WHERE label = ?").run(label);
    this.#sqlite
      .prepare("UPDATE overlay_renewal SET due = 0, begin = 0, answer = 0 WHERE label = ? AND due = ?")
      .run(label, due);
  }

  labels(): AddressLabel[] {
    return this.#sqlite.prepare("SELECT label FROM overlay_renewal WHERE due > 0").pluck().all() as AddressLabel[];
  }

  remove(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_renewal WHERE label = ?").run(label);
    this.#sqlite.prepare("DELETE FROM overlay_unreachable WHERE label = ?").run(label);
  }
}
