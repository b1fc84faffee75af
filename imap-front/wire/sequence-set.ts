/** `*` in a sequence set: the largest number in use. */
export const STAR = Number.POSITIVE_INFINITY;

/** Ranges as the client wrote them; either end may be STAR, and the larger may come first (RFC 9051 `seq-range`). */
export type SequenceSet = readonly (readonly [number, number])[];

/** What stands where messages are named: a set, or `$` for what the last SEARCH saved (RFC 5182). */
export type MessageSet = SequenceSet | "$";

/** Ranges ascending and apart, `*` replaced by the largest number; what lies above it stays. */
export function normaliseSet(set: SequenceSet, largest: number): [number, number][] {
  const ranges = set.map(([a, b]): [number, number] => {
    const from = a === STAR ? largest : a;
    const to = b === STAR ? largest : b;
    return from <= to ? [from, to] : [to, from];
  });
  ranges.sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last !== undefined && range[0] <= last[1] + 1) last[1] = Math.max(last[1], range[1]);
    else merged.push(range);
  }
  return merged;
}

/** `1:4,7`: numbers in the order given, runs of successors joined; empty text for none. */
export function formatSet(numbers: readonly number[]): string {
  let text = "";
  for (let i = 0; i < numbers.length; ) {
    const from = numbers[i] as number;
    let to = from;
    for (i++; numbers[i] === to + 1; i++) to++;
    text += `${text === "" ? "" : ","}${from === to ? from : `${from}:${to}`}`;
  }
  return text;
}

/** Ranges ascending, as a set; ranges that follow each other are joined. */
export function formatRanges(ranges: readonly (readonly [number, number])[]): string {
  const joined = normaliseSet(ranges, 0);
  return joined.map(([from, to]) => (from === to ? from : `${from}:${to}`)).join(",");
}

/** What the ranges, which are ascending and apart, hold besides the members of an ascending list. */
export function rangesWithout(
  ranges: readonly (readonly [number, number])[],
  ascending: readonly number[],
): [number, number][] {
  const left: [number, number][] = [];
  for (const [from, to] of ranges) {
    let next = from;
    for (let i = lowerBound(ascending, from); i < ascending.length && (ascending[i] as number) <= to; i++) {
      const member = ascending[i] as number;
      if (member > next) left.push([next, member - 1]);
      next = member + 1;
    }
    if (next <= to) left.push([next, to]);
  }
  return left;
}

/** Every number of a set without STAR, one after another in the order of the set. */
export function* numbersIn(set: SequenceSet): Generator<number, void> {
  for (const [from, to] of set) for (let number = from; number <= to; number++) yield number;
}

/** Index of the first element that is not below the value, in an ascending list. */
export function lowerBound(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The members of an ascending list that lie in the ranges, which are ascending and apart. */
export function membersIn(ascending: readonly number[], ranges: readonly (readonly [number, number])[]): number[] {
  const members: number[] = [];
  for (const [from, to] of ranges) {
    for (let i = lowerBound(ascending, from); i < ascending.length && (ascending[i] as number) <= to; i++)
      members.push(ascending[i] as number);
  }
  return members;
}
