import type { Database, Schema } from "../../foundation/database.ts";
import { ENDING_GIVEN_UP } from "../limits.ts";
import type { Queues } from "./queues.ts";

const endingSchema: Schema = {
  part: "overlay-queue-ending",
  migrations: [`CREATE TABLE overlay_queue_ending (queue INTEGER PRIMARY KEY, since INTEGER NOT NULL) STRICT;`],
};

/**
 * Queues whose end their relay has not heard of. A relay that could not be told for weeks will never be: what it kept of
 * the queue is long expired, and the queue ends there by itself when nobody used it for a year.
 */
export class QueueEndings {
  readonly #db: Database;
  readonly #queues: Queues;

  constructor(db: Database, queues: Queues) {
    db.migrate(endingSchema);
    this.#db = db;
    this.#queues = queues;
  }

  /** The relay did not hear of it; false where it need not be told any more, and the queue is forgotten. */
  notHeard(queue: number, now: number): boolean {
    const { sqlite } = this.#db;
    return this.#db.transactionUnsynced(() => {
      sqlite.prepare("INSERT OR IGNORE INTO overlay_queue_ending VALUES (?, ?)").run(queue, now);
      const since = sqlite.prepare("SELECT since FROM overlay_queue_ending WHERE queue = ?").pluck().get(queue);
      if (now - (since as number) < ENDING_GIVEN_UP) return true;
      this.ended(queue);
      return false;
    });
  }

  /** The queue is no more. */
  ended(queue: number): void {
    this.#db.transactionUnsynced(() => {
      this.#queues.remove(queue);
      this.#db.sqlite.prepare("DELETE FROM overlay_queue_ending WHERE queue = ?").run(queue);
    });
  }
}
