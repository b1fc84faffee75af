import type { Pace } from "../pace.ts";
import { NumberedTexts, type PackedTexts, packTexts } from "./numbered-texts.ts";
import { sortTexts } from "./sort-texts.ts";

/** Numbers for texts, and where each stands in the order of all: subjects and names come again and again. */
export class TextNumbers extends NumberedTexts {
  /** So many texts at the beginning were sorted when they were packed: their numbers are their ranks. */
  readonly #sortedOnce: number;
  /** The first texts, sorted; those that came later are not among them yet. */
  #sorted: string[] = [];
  #ranks: Float64Array;

  /** Packed by `packSorted`. */
  constructor(packed?: PackedTexts) {
    super(packed);
    this.#sortedOnce = packed?.lengths.length ?? 0;
    this.#ranks = new Float64Array(this.#sortedOnce).map((_, number) => number);
  }

  /** Compares the texts of two numbers. */
  compare(a: number, b: number): number {
    if (this.isPacked || a === b) return a - b;
    return (this.texts[a] as string) < (this.texts[b] as string) ? -1 : 1;
  }

  /** The rank of each text, by its number; ranks of different calls are not to be compared. */
  async ranks(pace: Pace): Promise<Float64Array> {
    // While the others had their turn, another session may have added texts, or ranked them.
    while (this.#ranks.length < this.count) {
      if (this.#sorted.length === 0) this.#sorted = this.texts.slice(0, this.#sortedOnce);
      const known = this.#sorted.length;
      const fresh = await sortTexts(this.texts.slice(known), pace);
      if (this.#sorted.length === known) this.#take(fresh);
    }
    return this.#ranks;
  }

  /** All in their order, and at the place of each number the one that it has among them. @throws unless `ranks` was just awaited */
  packSorted(): { readonly packed: PackedTexts; readonly renumbered: Float64Array } {
    if (this.#ranks.length < this.count) throw new Error("the texts are not all ranked");
    return { packed: this.isPacked ? this.pack() : packTexts(this.#inOrder()), renumbered: this.#ranks };
  }

  #inOrder(): readonly string[] {
    return this.#sorted.length === 0 ? this.texts : this.#sorted;
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
    for (const [rank, text] of merged.entries()) this.#ranks[this.numbers.get(text) as number] = rank;
  }
}
