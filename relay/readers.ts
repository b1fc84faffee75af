import type { Pusher } from "./pusher.ts";
import type { Arrival } from "./queue-store.ts";

/** How far one connection has got in reading one queue. */
export interface Reading {
  readonly recipientId: Buffer;
  readonly pusher: Pusher;
  /** The last seq that was pushed. */
  after: number;
  /** The highest seq that is known to be stored. */
  last: number;
  /** How many cells may still be pushed. */
  credit: number;
  /** The answer to SUBSCRIBE is out, so that cells may follow. */
  started: boolean;
  /** Another reading took its place, or the connection or the queue is gone. */
  ended: boolean;
}

/** Who reads which queue: one reader each, the newest. */
export class Readers {
  readonly #readings = new Map<string, Reading>();

  get size(): number {
    return this.#readings.size;
  }

  get(recipientId: Uint8Array): Reading | undefined {
    return this.#readings.get(keyOf(recipientId));
  }

  /** Has the cell pushed to the queue's reader, if there is one. */
  arrived(arrival: Arrival): void {
    const reading = this.get(arrival.recipientId);
    reading?.pusher.stored(reading, arrival);
  }

  /** Makes it the queue's reader, and returns the one it takes the queue from. */
  put(reading: Reading): Reading | undefined {
    const key = keyOf(reading.recipientId);
    const before = this.#readings.get(key);
    if (before !== undefined) this.end(before);
    this.#readings.set(key, reading);
    reading.pusher.readings.add(reading);
    return before;
  }

  end(reading: Reading): void {
    reading.ended = true;
    reading.pusher.readings.delete(reading);
    const key = keyOf(reading.recipientId);
    if (this.#readings.get(key) === reading) this.#readings.delete(key);
  }
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString("latin1");
}
