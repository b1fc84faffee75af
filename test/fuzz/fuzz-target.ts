import * as fc from "fast-check";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";
import type { Target } from "./target.ts";

/** Inputs that are made together; a batch depends on the seed and its number alone. */
const BATCH = 256;
/** Of these, so many are made after the grammar and not mutated. */
const STRUCTURED = 64;

/** An input that a reader did not stand. */
export interface Finding {
  readonly target: string;
  readonly seed: number;
  readonly batch: number;
  readonly input: Buffer;
  /** What went wrong: the error, or how long it took. */
  readonly what: string;
}

export interface FuzzOptions {
  readonly seed: number;
  /** First batch; a later run that begins where another ended goes on with new inputs. */
  readonly from?: number;
  /** Asked after each input; true ends the run. */
  readonly enough: (inputs: number) => boolean;
  /** How many times the time that an input may take is allowed; 1 where absent, for a machine that does nothing else. */
  readonly patience?: number;
  /** Told before each input is run: whoever watches from outside can save it. */
  readonly before?: (input: Buffer) => void;
}

/**
 * Milliseconds of processor time that an input may take: a part that does not depend on its size, and 40 µs for each
 * octet, since each may be a command that is refused. What grows with the square takes more than that when it is long.
 */
function timeAllowed(input: Buffer): number {
  return 50 + input.length * 0.04;
}

/** Feeds the target until it is enough or an input is found that it does not stand; that one is made as small as it can be. */
export async function fuzzTarget(target: Target, options: FuzzOptions): Promise<{ inputs: number; finding?: Finding }> {
  const { seed, patience } = options;
  let inputs = 0;
  for (let batch = options.from ?? 0; ; batch++) {
    for (const input of makeBatch(target, seed, batch)) {
      if (options.enough(inputs)) return { inputs };
      options.before?.(input);
      inputs++;
      if ((await faultOf(target, input, patience)) === undefined) continue;
      const smallest = await minimise(target, input, options);
      const what = (await faultOf(target, smallest, patience)) ?? "it happened once and not again";
      return { inputs, finding: { target: target.name, seed, batch, input: smallest, what } };
    }
  }
}

function makeBatch(target: Target, seed: number, batch: number): Buffer[] {
  const random = new Random(seed + batch * 0x9e3779b1);
  const structured = fc.sample(target.structured, { seed: random.below(2 ** 31), numRuns: STRUCTURED });
  const originals = [...target.seeds, ...structured];
  const mutated = Array.from({ length: BATCH - STRUCTURED }, () =>
    mutate(random.pick(originals), originals, target.tokens, random),
  );
  return [...structured, ...mutated];
}

/** What is wrong with how the target takes the input; undefined if nothing is. */
export async function faultOf(target: Target, input: Buffer, patience = 1): Promise<string | undefined> {
  let shortest = Number.POSITIVE_INFINITY;
  // A collection of garbage may fall into it: slow is what is slow each time.
  for (let attempt = 0; attempt < 4; attempt++) {
    const started = process.cpuUsage();
    try {
      const running = target.run(input);
      if (running !== undefined) await running;
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    const { user, system } = process.cpuUsage(started);
    shortest = Math.min(shortest, (user + system) / 1000);
    if (shortest <= patience * timeAllowed(input)) return undefined;
  }
  return `took ${Math.round(shortest)} ms for ${input.length} octets`;
}

/** Milliseconds that may be spent on making an input small. */
const MINIMISING = 15_000;

/** Takes away what can be taken away so that the fault stays. */
async function minimise(target: Target, input: Buffer, { before, patience }: FuzzOptions): Promise<Buffer> {
  let smallest = input;
  const end = performance.now() + MINIMISING;
  for (let size = Math.ceil(input.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < smallest.length && performance.now() < end; ) {
      const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      before?.(shorter);
      if ((await faultOf(target, shorter, patience)) === undefined) at += size;
      else smallest = shorter;
    }
  }
  return smallest;
}
