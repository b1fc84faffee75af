/** So many at once, and so many a second in the long run. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Holds tokens that come back at a steady rate. Taking never fails; it says how long to wait before taking again. */
export class Bucket {
  readonly #rate: Rate;
  #level: number;
  #at: number;

  /** Full. Times are milliseconds of any clock, even one that is set back. */
  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#level = rate.burst;
    this.#at = now;
  }

  /** Takes one or more, into debt if need be; the milliseconds until that is paid back. */
  take(now: number, count = 1): number {
    this.#refill(now);
    this.#level -= count;
    return this.#level >= 0 ? 0 : Math.ceil((-this.#level / this.#rate.perSecond) * 1_000);
  }

  /** Takes one if there is one. */
  tryTake(now: number): boolean {
    this.#refill(now);
    if (this.#level < 1) return false;
    this.#level--;
    return true;
  }

  isFull(now: number): boolean {
    this.#refill(now);
    return this.#level >= this.#rate.burst;
  }

  #refill(now: number): void {
    const seconds = Math.max(0, now - this.#at) / 1_000;
    this.#level = Math.min(this.#rate.burst, this.#level + seconds * this.#rate.perSecond);
    this.#at = now;
  }
}
