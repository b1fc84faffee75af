import type { Output } from "./output.ts";

/** How far something is. The numbers are letters; octets where the number of letters is not known before the end. */
export interface Progress {
  readonly done: number;
  readonly total?: number;
  /** Those of `done` that took no work. */
  readonly known?: number;
  readonly octets?: number;
  readonly octetsTotal?: number;
  /** What is being worked on. */
  readonly folder?: string;
}

/** Milliseconds over which the rate is measured: long enough not to jump, short enough to tell of a halt. */
const WINDOW = 10_000;

/** Milliseconds between two lines where nothing can be written over. */
const LINE_INTERVAL = 10_000;

/** Milliseconds between two events for programs, and between two looks at the clock while nothing moves. */
const EVENT_INTERVAL = 1_000;

const BAR_WIDTH = 24;

interface Sample {
  readonly at: number;
  readonly worked: number;
  readonly octets: number;
}

/** Measures a rate from what is told, and says what it makes of it. Times are milliseconds. */
export class ProgressMeter {
  #samples: Sample[] = [];
  #last: Progress = { done: 0 };

  /** Takes what is known at a time. */
  note(progress: Progress, now: number): void {
    const { done, known = 0, octets = 0 } = progress;
    this.#last = progress;
    this.#samples.push({ at: now, worked: done - known, octets });
    const second = (): number => this.#samples[1]?.at ?? now;
    while (this.#samples.length > 2 && second() < now - WINDOW) this.#samples.shift();
  }

  /** Letters a second that took work; undefined before that can be known. */
  rate(now: number): number | undefined {
    return this.#slope(now, ({ worked }) => worked);
  }

  /** Undefined where nothing moves, or nobody knows how much there is. */
  secondsLeft(now: number): number | undefined {
    const { done, total, octets = 0, octetsTotal } = this.#last;
    const [left, rate] =
      total === undefined
        ? [(octetsTotal ?? Number.NaN) - octets, this.#slope(now, (sample) => sample.octets)]
        : [total - done, this.rate(now)];
    return rate === undefined || rate <= 0 || Number.isNaN(left) ? undefined : Math.ceil(Math.max(0, left) / rate);
  }

  /** Between 0 and 1; undefined where nobody knows how much there is. */
  fraction(): number | undefined {
    const { done, total, octets = 0, octetsTotal } = this.#last;
    const [part, whole] = total === undefined ? [octets, octetsTotal] : [done, total];
    return whole === undefined || whole <= 0 ? undefined : Math.min(1, part / whole);
  }

  /** `45%  2250 of 5000 letters  612 a second  5 s left`. */
  words(now: number): string {
    const { done, total, folder } = this.#last;
    const fraction = this.fraction();
    const [rate, left] = [this.rate(now), this.secondsLeft(now)];
    const parts = [
      fraction === undefined ? undefined : `${String(Math.floor(fraction * 100)).padStart(3)}%`,
      total === undefined ? `${done} letters` : `${done} of ${total} letters`,
      rate === undefined ? undefined : `${Math.round(rate)} a second`,
      left === undefined ? undefined : `${formatDuration(left)} left`,
      folder,
    ];
    return parts.filter((part) => part !== undefined).join("  ");
  }

  /** For programs. */
  event(now: number): object {
    const [rate, left] = [this.rate(now), this.secondsLeft(now)];
    return {
      event: "progress",
      ...this.#last,
      ...(rate !== undefined && { rate: Math.round(rate) }),
      ...(left !== undefined && { secondsLeft: left }),
    };
  }

  #slope(now: number, of: (sample: Sample) => number): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || first === last || now <= first.at) return undefined;
    return ((of(last) - of(first)) * 1_000) / (now - first.at);
  }
}

/** Shows progress while the work runs: a bar on a terminal, else a line now and then, or events on standard error. */
export async function showingProgress<T>(
  output: Output,
  work: (onProgress: (progress: Progress) => void) => Promise<T>,
): Promise<T> {
  const meter = new ProgressMeter();
  let shown = performance.now();
  meter.note({ done: 0 }, shown);
  const show = (): void => {
    const now = performance.now();
    if (output.terminal) return output.progress(`${formatBar(meter.fraction())} ${meter.words(now)}`);
    if (now - shown < (output.json ? EVENT_INTERVAL : LINE_INTERVAL)) return;
    shown = now;
    if (output.json) output.event(meter.event(now));
    else output.note(meter.words(now));
  };
  // Where nothing comes, the rate has to fall.
  const timer = setInterval(show, EVENT_INTERVAL);
  try {
    return await work((progress) => {
      meter.note(progress, performance.now());
      show();
    });
  } finally {
    clearInterval(timer);
  }
}

export function formatBar(fraction: number | undefined): string {
  if (fraction === undefined) return "";
  const full = Math.floor(fraction * BAR_WIDTH);
  return `[${"#".repeat(full)}${".".repeat(BAR_WIDTH - full)}]`;
}

/** `4 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}
