import type { Clock } from "../foundation/clock.ts";

/**
 * Time as the relay has lived through it, for the age of what it keeps. It began as the clock's and runs with it, but a
 * leap of the clock counts for one tick at most and a step back for nothing, and while the relay is off it stands still:
 * nobody could fetch anything meanwhile. So a clock that wakes up years ahead expires nothing that its reader had no
 * time to read.
 */
export class LivedTime {
  readonly #clock: Clock;
  readonly #tick: number;
  #lived: number;
  #seen: number;

  /** Goes on from what was saved, if anything was. `longestTick` is the most that may pass between two ticks, in ms. */
  constructor(clock: Clock, longestTick: number, saved: number | undefined) {
    this.#clock = clock;
    this.#tick = longestTick;
    this.#seen = clock.now();
    this.#lived = saved ?? this.#seen;
  }

  /** Milliseconds. */
  now(): number {
    return this.#lived + Math.min(Math.max(this.#clock.now() - this.#seen, 0), this.#tick);
  }

  /** To be called regularly; returns what is to be saved. */
  tick(): number {
    this.#lived = this.now();
    this.#seen = this.#clock.now();
    return this.#lived;
  }
}
