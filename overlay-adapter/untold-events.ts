import type { Database, Schema } from "../foundation/database.ts";
import { isToBeTold, type OverlayEvent, type ToldEvent } from "./events.ts";

export const untoldSchema: Schema = {
  part: "overlay-untold",
  migrations: [
    // The event as JSON: two that say the same are one.
    "CREATE TABLE overlay_untold (id INTEGER PRIMARY KEY, event TEXT NOT NULL UNIQUE) STRICT;",
  ],
};

/**
 * What the user has to know and nothing else would ever tell again. It is written down in the transaction that makes it
 * true, and stays until the bridge confirms that it was told, so that no crash makes it unheard.
 */
export class UntoldEvents {
  readonly #db: Database;
  readonly #emit: (event: OverlayEvent) => void;

  constructor(db: Database, emit: (event: OverlayEvent) => void) {
    db.migrate(untoldSchema);
    this.#db = db;
    this.#emit = emit;
  }

  /** Emits the event once it is durable; one that must not get lost joins the caller's transaction, or has one of its own. */
  tell(event: OverlayEvent): void {
    if (!isToBeTold(event)) {
      this.#db.afterSync(() => this.#emit(event));
      return;
    }
    this.#db.transaction(() => {
      this.#db.sqlite.prepare("INSERT OR IGNORE INTO overlay_untold (event) VALUES (?)").run(JSON.stringify(event));
      this.#db.afterSync(() => this.#emit(event));
    });
  }

  /** At the start: what was not confirmed before the end, in its order. */
  tellAgain(): void {
    const rows = this.#db.sqlite.prepare("SELECT event FROM overlay_untold ORDER BY id").pluck().all() as string[];
    for (const row of rows) this.#emit(JSON.parse(row) as ToldEvent);
  }

  /** The event was told; in the caller's transaction. */
  settle(event: OverlayEvent): void {
    if (isToBeTold(event))
      this.#db.sqlite.prepare("DELETE FROM overlay_untold WHERE event = ?").run(JSON.stringify(event));
  }
}
