import type { RelayLimits } from "./limits.ts";
import type { Arrival, QueueStore, StoredCell } from "./queue-store.ts";
import type { Reading } from "./readers.ts";
import type { Push } from "./wire/frame.ts";

export interface PusherOptions {
  readonly queues: QueueStore;
  readonly limits: Pick<RelayLimits, "pushBatch" | "credit">;
  /** Writes one block; false once the socket holds so much that pushing should wait for `resume`. */
  readonly write: (push: Push) => boolean;
  /** The store could not be read: the connection is of no use. */
  readonly fail: (error: unknown) => void;
}

/**
 * Pushes cells down one connection: for all queues that it reads in turn, each in order and as far as its credit goes,
 * a small batch in memory at a time. A cell that arrives while its reader waits for it goes out without being read back.
 */
export class Pusher {
  /** All that the connection reads. */
  readonly readings = new Set<Reading>();
  readonly #options: PusherOptions;
  /** Those that have cells waiting and credit for them, in the order in which they get their turn. */
  readonly #ready = new Set<Reading>();
  #running = false;
  #blocked = false;
  #closed = false;

  constructor(options: PusherOptions) {
    this.#options = options;
  }

  /** From now on the reading's cells may go out. */
  start(reading: Reading): void {
    reading.started = true;
    this.#consider(reading);
  }

  credit(reading: Reading, count: number): void {
    reading.credit = Math.min(reading.credit + count, this.#options.limits.credit);
    this.#consider(reading);
  }

  /** A cell became durable in the reading's queue. */
  stored(reading: Reading, { seq, cell }: Omit<Arrival, "recipientId">): void {
    const waitedFor = cell !== undefined && reading.last === reading.after && seq === reading.last + 1;
    reading.last = Math.max(reading.last, seq);
    if (waitedFor && this.#mayPush(reading) && !this.#blocked) this.#push(reading, { seq, cell });
    else this.#consider(reading);
  }

  tell(push: Push): void {
    if (!this.#closed) this.#options.write(push);
  }

  /** The socket has room again. */
  resume(): void {
    this.#blocked = false;
    void this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#ready.clear();
  }

  #mayPush(reading: Reading): boolean {
    return !this.#closed && !reading.ended && reading.started && reading.credit > 0;
  }

  #consider(reading: Reading): void {
    if (!this.#mayPush(reading) || reading.after >= reading.last) return;
    this.#ready.add(reading);
    void this.#run();
  }

  #push(reading: Reading, { seq, cell }: StoredCell): void {
    reading.after = seq;
    reading.credit--;
    if (!this.#options.write({ kind: "message", recipientId: reading.recipientId, seq, cell })) this.#blocked = true;
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#next(); next !== undefined; next = this.#next()) await this.#pushBatch(next);
    } catch (error) {
      this.#options.fail(error);
    } finally {
      this.#running = false;
    }
  }

  #next(): Reading | undefined {
    if (this.#blocked || this.#closed) return undefined;
    for (const reading of this.#ready) {
      this.#ready.delete(reading);
      if (this.#mayPush(reading) && reading.after < reading.last) return reading;
    }
    return undefined;
  }

  async #pushBatch(reading: Reading): Promise<void> {
    const known = reading.last;
    const count = Math.min(reading.credit, this.#options.limits.pushBatch);
    const cells = await this.#options.queues.read(reading.recipientId, reading.after, count);
    for (const cell of cells) {
      if (!this.#mayPush(reading)) return;
      this.#push(reading, cell);
    }
    // Numbers up to the known last one that did not come are of cells that expired or were acknowledged.
    if (cells.length < count) reading.after = Math.max(reading.after, known);
    this.#consider(reading);
  }
}
