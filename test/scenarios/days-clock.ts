import { type Clock, systemClock } from "../../foundation/clock.ts";

/** From here on a pause is one of minutes or days, which only `pass` ends; what is shorter is a try, and hurried. */
const LONG = 60_000;

/** Real time, on which a test can let days pass at once. */
export class DaysClock implements Clock {
  #offset = 0;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): number {
    return Date.now() + this.#offset;
  }

  after(delay: number, callback: () => void): () => void {
    if (delay < LONG) return systemClock.after(delay / 10, callback);
    const timer = { at: this.now() + delay, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Moves on, and calls back once what fell due meanwhile. */
  pass(milliseconds: number): void {
    this.#offset += milliseconds;
    const due = [...this.#timers].filter(({ at }) => at <= this.now());
    for (const timer of due) {
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}

export const MINUTE = 60_000;
export const DAY = 24 * 60 * MINUTE;
