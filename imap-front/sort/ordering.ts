/** Milliseconds. */
const SECOND = 1_000;

/**
 * Orders a list by several columns of whole numbers without a comparison in JavaScript: each element gets one number that
 * stands in the order of all its values, and a Float64Array sorts itself in native code.
 */
export class Ordering {
  readonly #size: number;
  #keys: Float64Array;
  /** All keys are below it. */
  #span = 1;

  constructor(size: number) {
    this.#size = size;
    this.#keys = new Float64Array(size);
  }

  /** What decides where all columns before are equal. */
  by(column: Float64Array, reverse = false): void {
    let values = column;
    let [min, max] = bounds(values);
    if (!this.#holds(max - min + 1) && values.every((value) => (value - min) % SECOND === 0)) {
      // Dates of headers are whole seconds: exact as they are, and never ranked for being too large.
      values = values.map((value) => (value - min) / SECOND);
      [min, max] = [0, (max - min) / SECOND];
    }
    if (!this.#holds(max - min + 1)) {
      const dense = rankOf(this.#keys);
      [this.#keys, this.#span] = [dense.ranks, dense.count];
    }
    if (!this.#holds(max - min + 1)) {
      const dense = rankOf(values);
      [values, min, max] = [dense.ranks, 0, dense.count - 1];
    }
    const span = max - min + 1;
    const keys = new Float64Array(this.#size);
    for (let at = 0; at < keys.length; at++) {
      const value = values[at] as number;
      keys[at] = (this.#keys[at] as number) * span + (reverse ? max - value : value - min);
    }
    this.#keys = keys;
    this.#span *= span;
  }

  /** The positions 0 to n - 1 in order; where all columns are equal, the lower one first. */
  positions(): number[] {
    const size = this.#size;
    const keys = new Float64Array(size);
    for (let at = 0; at < size; at++) keys[at] = (this.#keys[at] as number) * size + at;
    keys.sort();
    const positions: number[] = [];
    for (let at = 0; at < size; at++) positions.push((keys[at] as number) % size);
    return positions;
  }

  /** Keys that are so many times larger, with their positions, are still exact. */
  #holds(span: number): boolean {
    return this.#span * span * this.#size <= Number.MAX_SAFE_INTEGER;
  }
}

function bounds(values: Float64Array): [min: number, max: number] {
  let [min, max] = [values[0] ?? 0, values[0] ?? 0];
  for (const value of values) {
    if (value < min) min = value;
    else if (value > max) max = value;
  }
  return [min, max];
}

/** Numbers from 0 that stand in the same order; equal values have equal ones. `count` is one more than the largest. */
function rankOf(values: Float64Array): { readonly ranks: Float64Array; readonly count: number } {
  const distinct = values.toSorted();
  let count = 0;
  for (let i = 0; i < distinct.length; i++)
    if (i === 0 || distinct[i] !== distinct[i - 1]) distinct[count++] = distinct[i] as number;
  const ranks = values.map((value) => {
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((distinct[middle] as number) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  });
  return { ranks, count };
}
