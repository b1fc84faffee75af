/** Time as a part sees it, so that tests can move it. All times are milliseconds since 1970. */
export interface Clock {
  now(): number;
  /** Calls back once after a delay in milliseconds; the result cancels it. The timer does not keep the process alive. */
  after(delay: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delay, callback) {
    const timer = setTimeout(callback, delay).unref();
    return () => clearTimeout(timer);
  },
};
