/** Numbers that look random and are the same for the same seed (xorshift32 of Marsaglia, 2003; no secrets come from it). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) | 1;
    for (let round = 0; round < 16; round++) this.next();
  }

  /** From 0 up to 1, never 1. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) / 0x1_0000_0000;
  }

  /** A whole number from 0 up to the bound, never the bound. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** The first entries far more often than the last, as words and correspondents are used (Zipf). */
  pickCommon<T>(from: readonly T[]): T {
    return from[Math.min(from.length - 1, Math.floor((from.length + 1) ** this.next()) - 1)] as T;
  }

  /** Sizes as mail has them: half lie below the median, few are many times as large. */
  logNormal(median: number, spread: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
    return median * Math.exp(spread * normal);
  }

  hex(digits: number): string {
    let text = "";
    while (text.length < digits) text += this.below(0x1_0000_0000).toString(16).padStart(8, "0");
    return text.slice(0, digits);
  }

  different(count: number, bound: number): number[] {
    const found = new Set<number>();
    while (found.size < Math.min(count, bound)) found.add(this.below(bound));
    return [...found];
  }
}
