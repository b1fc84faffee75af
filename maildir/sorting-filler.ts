import { errorCode } from "../foundation/failure.ts";
import { SORTING_PAUSE, SORTING_SLICE } from "./limits.ts";
import type { Storage } from "./storage.ts";

/**
 * Brings what an earlier program stored into the table that SORT and THREAD read, some letters at a time. Until it is done
 * they read the rest from elsewhere. Nobody waits for it, so nothing is synced: what a crash undoes is done again.
 */
export class SortingFiller {
  readonly #storage: Pick<Storage, "db" | "clock" | "logger" | "contents">;
  #scheduled: (() => void) | undefined;
  #closed = false;

  constructor(storage: Pick<Storage, "db" | "clock" | "logger" | "contents">) {
    this.#storage = storage;
  }

  start(): void {
    if (this.#closed || this.#storage.contents.sorting.whole) return;
    this.#scheduled = this.#storage.clock.after(SORTING_PAUSE, () => this.#step());
  }

  close(): void {
    this.#closed = true;
    this.#scheduled?.();
  }

  #step(): void {
    const { db, contents, logger } = this.#storage;
    try {
      db.transactionUnsynced(() => contents.sorting.fill(SORTING_SLICE));
      this.start();
    } catch (error) {
      // The next start goes on.
      logger("warn", "the index for sorting could not be completed yet", { reason: errorCode(error) });
    }
  }
}
