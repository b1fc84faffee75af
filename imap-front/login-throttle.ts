import type { Clock } from "../foundation/clock.ts";

/** The first wrong password costs this many milliseconds, each further one twice as much, up to the longest. */
const FIRST_PENALTY = 250;
const LONGEST_PENALTY = 8_000;
/** One wrong password is forgotten after each such span of milliseconds. */
const FORGET_ONE_AFTER = 30_000;
/**
 * Attempts that may be checked or waiting at a time while a wrong password waits for its penalty; more are turned away
 * unread, so that many connections guess no faster. While nobody is wrong there is no such bound: a program that opens
 * all its connections at once, and has the right password, is let in.
 */
const ATTEMPTS_AT_A_TIME = 16;

/**
 * Slows down whoever tries passwords. Counts for the whole server, as every program on a loopback address looks alike;
 * a right password is never made to wait.
 */
export class LoginThrottle {
  readonly #clock: Clock;
  #failures = 0;
  #since = 0;
  #pending = 0;
  /** Of these, wrong ones that wait for their penalty. */
  #penalised = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs the check; undefined stands for a wrong password, told after the penalty. "busy" if too many are at it. */
  async attempt<T>(check: () => Promise<T | undefined>): Promise<T | undefined | "busy"> {
    if (this.#penalised > 0 && this.#pending >= ATTEMPTS_AT_A_TIME) return "busy";
    this.#pending++;
    try {
      const result = await check();
      if (result !== undefined) return result;
      const penalty = this.#penalty();
      this.#penalised++;
      await new Promise<void>((resolve) => {
        this.#clock.after(penalty, resolve);
      });
      this.#penalised--;
      return undefined;
    } finally {
      this.#pending--;
    }
  }

  #penalty(): number {
    const now = this.#clock.now();
    const forgotten = Math.floor((now - this.#since) / FORGET_ONE_AFTER);
    this.#failures = Math.max(0, this.#failures - Math.max(0, forgotten)) + 1;
    this.#since = now;
    return Math.min(LONGEST_PENALTY, FIRST_PENALTY * 2 ** (this.#failures - 1));
  }
}
