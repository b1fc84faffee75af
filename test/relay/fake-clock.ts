import type { Clock } from "../../foundation/clock.ts";

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #now = Date.UTC(2026, 0, 1);
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): number {
    return this.#now;
  }

  after(delay: number, callback: () => void): () => void {
    const timer = { at: this.#now + delay, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Is set to another time, as by somebody who corrects it: timers go on as they were. */
  leap(milliseconds: number): void {
    this.#now += milliseconds;
    const timers = [...this.#timers];
    this.#timers.clear();
    for (const { at, callback } of timers) this.#timers.add({ at: at + milliseconds, callback });
  }

  /** Moves on, and calls back what falls due, in its order; what a callback sets up in turn may fall due as well. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }
}
