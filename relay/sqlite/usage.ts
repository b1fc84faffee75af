import type { Database } from "../../foundation/database.ts";
import { CELL_SIZE } from "../wire/cell.ts";

/** How much there is of what is bounded. */
export interface Amount {
  readonly queues: number;
  readonly slots: number;
  readonly blobs: number;
  readonly cells: number;
  readonly octets: number;
}

const NOTHING: Amount = { queues: 0, slots: 0, blobs: 0, cells: 0, octets: 0 };

/** Counts a change in the running transaction for a token, by its row's id. */
export type Count = (token: number, change: Partial<Amount>) => void;

/**
 * What each token's holders and all together have, counted in memory: this process alone writes queues, slots and blobs.
 * A change counts at once, so that many commands in one transaction cannot pass a bound together, and is taken back if
 * the transaction fails.
 */
export class Usage {
  readonly #db: Database;
  readonly #byToken = new Map<number, Amount>();
  #total = NOTHING;

  /** The database holds schema.ts's tables. */
  constructor(db: Database) {
    this.#db = db;
    const { sqlite } = db;
    const queues = sqlite.prepare<[], { token: number; queues: number; cells: number }>(
      "SELECT token, count(*) AS queues, sum(cells) AS cells FROM queue GROUP BY token",
    );
    for (const { token, queues: count, cells } of queues.all())
      this.#apply(token, { queues: count, cells, octets: cells * CELL_SIZE });
    const slots = sqlite.prepare<[], { token: number; slots: number; full: number }>(
      "SELECT token, count(*) AS slots, count(cell) AS full FROM slot GROUP BY token",
    );
    for (const { token, slots: count, full } of slots.all())
      this.#apply(token, { slots: count, octets: full * CELL_SIZE });
    const blobs = sqlite.prepare<[], { token: number; blobs: number; octets: number }>(
      "SELECT token, count(*) AS blobs, sum(octets) AS octets FROM blob GROUP BY token",
    );
    for (const { token, blobs: count, octets } of blobs.all()) this.#apply(token, { blobs: count, octets });
  }

  get total(): Amount {
    return this.#total;
  }

  of(token: number): Amount {
    return this.#byToken.get(token) ?? NOTHING;
  }

  /** As Database.commit, for work that counts. */
  async commit<T>(work: (count: Count) => T): Promise<T> {
    const counted: { readonly token: number; readonly change: Partial<Amount> }[] = [];
    try {
      return await this.#db.commit(() =>
        work((token, change) => {
          counted.push({ token, change });
          this.#apply(token, change);
        }),
      );
    } catch (error) {
      for (const { token, change } of counted) this.#apply(token, change, -1);
      throw error;
    }
  }

  #apply(token: number, change: Partial<Amount>, times = 1): void {
    this.#byToken.set(token, sum(this.of(token), change, times));
    this.#total = sum(this.#total, change, times);
  }
}

function sum(amount: Amount, change: Partial<Amount>, times: number): Amount {
  return {
    queues: amount.queues + times * (change.queues ?? 0),
    slots: amount.slots + times * (change.slots ?? 0),
    blobs: amount.blobs + times * (change.blobs ?? 0),
    cells: amount.cells + times * (change.cells ?? 0),
    octets: amount.octets + times * (change.octets ?? 0),
  };
}
