import type { Database, Schema } from "../../foundation/database.ts";
import { HELLO_AGAIN } from "../limits.ts";

export const sentHellosSchema: Schema = {
  part: "overlay-sent-hellos",
  migrations: ["CREATE TABLE overlay_sent_hello (id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID"],
};

/** When hellos went to hosts that have not answered: a relay deletes what nobody fetched. Synchronous, in the caller's transaction. */
export class SentHellos {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    db.migrate(sentHellosSchema);
    this.#sqlite = db.sqlite;
  }

  /** The join's hello lies at the relay. */
  note(id: string, now: number): void {
    this.#sqlite.prepare("INSERT OR REPLACE INTO overlay_sent_hello VALUES (?, ?)").run(id, now);
  }

  /** Lets hellos that a relay keeps no longer go out once more, before any further letter to that host. */
  sendAgain(now: number): void {
    this.#sqlite.exec("DELETE FROM overlay_sent_hello WHERE id NOT IN (SELECT id FROM overlay_join)");
    this.#sqlite
      .prepare(
        `UPDATE overlay_join SET state = 'greeting' WHERE state = 'greeted' AND hello IS NOT NULL
           AND id IN (SELECT id FROM overlay_sent_hello WHERE at <= ?)`,
      )
      .run(now - HELLO_AGAIN);
  }
}
