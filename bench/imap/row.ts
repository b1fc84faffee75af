import type { Bed } from "./bed.ts";

/** What a figure should be; what is left out is not judged. */
export interface Aim {
  /** How many times better than Dovecot without encryption, 1 where they are equal. */
  readonly plain?: number;
  /** The same beside Dovecot with mail_crypt. */
  readonly crypt?: number;
  /** In its own unit, whatever Dovecot has. */
  readonly atMost?: number;
}

const FASTER: Aim = { plain: 1, crypt: 1 };
/** Downloads: half the speed of Dovecot without encryption is the floor. */
export const DOWNLOAD: Aim = { plain: 0.5, crypt: 1 };
export const TOLD: Aim = {};

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly better: "lower" | "higher";
  readonly aim: Aim;
}

export interface Row {
  /** For `--only`; words joined by hyphens. */
  readonly id: string;
  /** What each sample of `measure` tells, in its order. */
  readonly figures: readonly Figure[];
  readonly samples: number;
  /** Of these, how many come first and do not count: what they wait for is measured elsewhere. */
  readonly warmUp?: number;
  /** The mailbox FULL holds the whole corpus, and the server rests, unless this says that nothing is needed. */
  readonly needs?: "nothing";
  /** Once for each server before its first sample; not measured. */
  readonly prepare?: (bed: Bed) => Promise<void>;
  /** One sample: a value for each figure. @throws where the server's answer was wrong: the row does not count then */
  readonly measure: (bed: Bed, sample: number) => Promise<readonly number[]>;
}

/** Time in milliseconds, the less the better. */
export function time(name: string, aim: Aim = FASTER): Figure {
  return { name, unit: "ms", better: "lower", aim };
}

export function rate(name: string, unit: string, aim: Aim = FASTER): Figure {
  return { name, unit, better: "higher", aim };
}

/** Refuses an answer that is not what the corpus says. @throws with both */
export function verify(what: string, found: number | string, expected: number | string): void {
  if (found !== expected) throw new Error(`${what}: ${found}, not ${expected}`);
}
