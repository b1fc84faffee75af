import type { Random } from "./random.ts";

/** Longest input that is made: long enough to tell quadratic time from linear. */
const MAX_INPUT = 128 * 1024;
/** One input in so many is made long by repetition. */
const LONG_ONE_IN = 300;

/** The octets with a few changes: flipped, cut, doubled, joined with others, or with words of the language put in. */
export function mutate(original: Buffer, others: readonly Buffer[], tokens: readonly string[], random: Random): Buffer {
  let input = original;
  for (let left = 1 + random.below(6); left > 0; left--) input = changeOnce(input, others, tokens, random);
  if (random.below(LONG_ONE_IN) === 0) input = repeatSlice(input, random, MAX_INPUT);
  return input.subarray(0, MAX_INPUT);
}

function changeOnce(input: Buffer, others: readonly Buffer[], tokens: readonly string[], random: Random): Buffer {
  const at = random.below(input.length + 1);
  const end = Math.min(input.length, at + 1 + random.below(random.pick([2, 16, 256])));
  switch (random.below(9)) {
    case 0: {
      const flipped = Buffer.from(input);
      if (at < flipped.length) flipped[at] = (flipped[at] as number) ^ (1 << random.below(8));
      return flipped;
    }
    case 1:
      return insert(input, at, Buffer.from([random.pick([0, 9, 10, 13, 32, 34, 40, 41, 61, 92, 123, 127, 128, 255])]));
    case 2:
      return insert(input, at, Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.below(256))));
    case 3:
      return Buffer.concat([input.subarray(0, at), input.subarray(end)]);
    case 4:
      return insert(input, random.below(input.length + 1), input.subarray(at, end));
    case 5:
      return random.below(8) === 0
        ? input.subarray(0, at)
        : insert(input, at, Buffer.from(random.pick(tokens), "latin1"));
    case 6: {
      const other = random.pick(others);
      return Buffer.concat([input.subarray(0, at), other.subarray(random.below(other.length + 1))]);
    }
    case 7:
      return repeatSlice(input, random, Math.min(MAX_INPUT, input.length + 2000));
    default:
      return insert(input, at, Buffer.from(random.pick(tokens), "latin1"));
  }
}

function insert(input: Buffer, at: number, piece: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, at), piece, input.subarray(at)]);
}

/** One slice over and over, so that the whole has about so many octets. */
function repeatSlice(input: Buffer, random: Random, size: number): Buffer {
  const at = random.below(input.length + 1);
  const slice = input.subarray(at, at + 1 + random.below(24));
  if (slice.length === 0) return input;
  const times = Math.max(1, Math.floor((size - input.length) / slice.length));
  return Buffer.concat([input.subarray(0, at), ...Array.from({ length: times }, () => slice), input.subarray(at)]);
}
