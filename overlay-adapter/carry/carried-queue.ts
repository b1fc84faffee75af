import type { Database } from "../../foundation/database.ts";
import type { QueueReader, Subscriber, Subscription } from "../relay-client/relay-client.ts";
import type { CarryStore } from "./carry-store.ts";
import { NUMBER_BASE } from "./limits.ts";

/** Cells of an own queue that lie in a folder; read when their turn comes. */
export interface CarriedCells {
  /**
   * The cell that follows `after` without a gap; undefined where there is none, or one between is missing. `has` says of
   * a number whether it came before.
   */
  next(after: number, has: (number: number) => boolean): { readonly number: number; readonly cell: Buffer } | undefined;
}

/**
 * An own queue with two sources: its relay, and what was carried here. The reader sees one subscription; carried cells
 * come in the order of their numbers, each once per subscription unless it is done with, and only as far as none is missing.
 */
export class CarriedQueue {
  readonly #db: Database;
  readonly #store: CarryStore;
  readonly #queue: QueueReader;
  readonly #subscriber: Subscriber;
  #inner: Subscription | undefined;
  #source: CarriedCells | undefined;
  /** Numbers up to here were given out on this subscription, or are done with. */
  #given = 0;
  #credit: number;
  /** For each cell that the reader has not given its credit back for: whether it was carried. */
  readonly #unreturned: boolean[] = [];
  /** Told whenever cells were given out or done with. */
  readonly #onChange: () => void;

  constructor(
    parts: { readonly db: Database; readonly store: CarryStore; readonly onChange: () => void },
    queue: QueueReader,
    subscriber: Subscriber,
  ) {
    this.#db = parts.db;
    this.#store = parts.store;
    this.#onChange = parts.onChange;
    this.#queue = queue;
    this.#subscriber = subscriber;
    this.#credit = subscriber.credit;
  }

  /** What the relay's side calls. */
  get toRelay(): Subscriber {
    return {
      ...this.#subscriber,
      onCell: (seq, cell) => {
        this.#unreturned.push(false);
        this.#subscriber.onCell(seq, cell);
      },
    };
  }

  /** What the reader gets. */
  over(inner: Subscription): Subscription {
    this.#inner = inner;
    return {
      credit: (count) => this.#return(count),
      acknowledge: (seqs) => this.#acknowledge(seqs),
      close: () => {
        this.#source = undefined;
        inner.close();
      },
    };
  }

  /** From now on cells also come from here. */
  feed(source: CarriedCells | undefined): void {
    this.#source = source;
    this.#pump();
  }

  #pump(): void {
    const has = (number: number): boolean => this.#store.isTaken(this.#queue.recipientId, number);
    while (this.#source !== undefined && this.#credit > 0) {
      const next = this.#source.next(this.#given, has);
      if (next === undefined) return;
      this.#given = next.number;
      if (has(next.number)) continue;
      this.#credit--;
      this.#unreturned.push(true);
      this.#subscriber.onCell(NUMBER_BASE + next.number, next.cell);
      this.#onChange();
    }
  }

  /** Credit goes back to the source that the cell came from, in the order in which they came. */
  #return(count: number): void {
    const carried = this.#unreturned.splice(0, count).filter(Boolean).length;
    this.#credit += carried;
    if (count > carried) this.#inner?.credit(count - carried);
    if (carried > 0) this.#pump();
  }

  async #acknowledge(seqs: readonly number[]): Promise<void> {
    const fromRelay = seqs.filter((seq) => seq < NUMBER_BASE);
    const carried = seqs.filter((seq) => seq >= NUMBER_BASE).map((seq) => seq - NUMBER_BASE);
    if (carried.length > 0) {
      await this.#db.commit(() => this.#store.take(this.#queue.recipientId, carried));
      this.#onChange();
    }
    if (fromRelay.length > 0) await this.#inner?.acknowledge(fromRelay);
  }
}
