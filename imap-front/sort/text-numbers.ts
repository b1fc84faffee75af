import type { Pace } from "../pace.ts";
import { sortTexts } from "./sort-texts.ts";

/** Numbers for texts, the same for equal ones and 0 for the empty one, and where each stands in the order of all: subjects and names come again and again. */
export class TextNumbers {
  readonly #numbers = new Map<string, number>([["", 0]]);
  readonly #texts: string[] = [""];
  /** The first texts, sorted; those that came later are not among them yet. */
  #sorted: string[] = [];
  #ranks = new Float64Array(0);

  numberOf(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#texts.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }

  /** Compares the texts of two numbers. */
  compare(a: number, b: number): number {
    if (a === b) return 0;
    return (this.#texts[a] as string) < (this.#texts[b] as string) ? -1 : 1;
  }

  /** The rank of each text, by its number; ranks of different calls are not to be compared. */
  async ranks(pace: Pace): Promise<Float64Array> {
    // While the others had their turn, another session may have added texts, or ranked them.
    while (this.#sorted.length < this.#texts.length) {
      const known = this.#sorted.length;
      const fresh = await sortTexts(this.#texts.slice(known), pace);
      if (this.#sorted.length === known) this.#take(fresh);
    }
    return this.#ranks;
  }

  #take(fresh: readonly string[]): void {
    const merged: string[] = [];
    let next = 0;
    for (const text of this.#sorted) {
      while (next < fresh.length && (fresh[next] as string) < text) merged.push(fresh[next++] as string);
      merged.push(text);
    }
    while (next < fresh.length) merged.push(fresh[next++] as string);
    this.#sorted = merged;
    this.#ranks = new Float64Array(merged.length);
    for (const [rank, text] of merged.entries()) this.#ranks[this.#numbers.get(text) as number] = rank;
  }
}
