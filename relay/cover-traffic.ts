import { randomBytes } from "node:crypto";
import type { Clock } from "../foundation/clock.ts";
import { exponentialInterval } from "../foundation/exponential.ts";
import { toClient } from "./wire/frame.ts";

/** Blocks that wait past which pushing should wait: an answer is never far behind them. */
const WAITING = 2;
/** Seconds: a client that asked for more often would only load the relay. */
const SHORTEST_MEAN = 10;

/** What one connection does so that an observer learns nothing from its blocks. */
export class CoverTraffic {
  readonly #clock: Clock;
  readonly #write: (block: Buffer) => void;
  #waiting: Buffer[] | undefined;
  #cancelFiller: () => void = () => undefined;

  constructor(clock: Clock, write: (block: Buffer) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  /** Nothing is sent but one block for each that comes. */
  get paced(): boolean {
    return this.#waiting !== undefined;
  }

  /** Keeps a block until its turn comes; false where pushing should wait. */
  keep(block: Buffer): boolean {
    this.#waiting?.push(block);
    return (this.#waiting?.length ?? 0) < WAITING;
  }

  pace(): void {
    this.#waiting ??= [];
  }

  /** A block came: sends the next one at once. True where there is room for more. */
  answer(): boolean {
    this.#write(this.#waiting?.shift() ?? toClient.encode(0, { kind: "filler" }));
    return (this.#waiting?.length ?? 0) < WAITING;
  }

  /** Sends filler at random times, with so many seconds between on average; 0 ends it. */
  fill(mean: number): void {
    this.#cancelFiller();
    if (mean === 0) return;
    const interval = exponentialInterval(Math.max(mean, SHORTEST_MEAN) * 1_000, randomBytes(4));
    this.#cancelFiller = this.#clock.after(interval, () => {
      if (!this.paced) this.#write(toClient.encode(0, { kind: "filler" }));
      this.fill(mean);
    });
  }

  close(): void {
    this.#cancelFiller();
    if (this.#waiting !== undefined) this.#waiting = [];
  }
}
