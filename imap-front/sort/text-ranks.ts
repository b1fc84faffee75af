import type { Pace } from "../pace.ts";
import { pacedSort } from "./paced-sort.ts";

/** Texts that nobody has any more are kept while they are fewer than those that were asked for last, and these. */
const SPARE = 1_000;

/** Numbers that stand in the order of texts: what was sorted once is compared as numbers from then on. */
export class TextRanks {
  #ranks = new Map<string, number>();

  /** The rank of each text, in the order of the texts; ranks of different calls are not to be compared. */
  async of(texts: readonly string[], pace: Pace): Promise<readonly number[]> {
    // While the others had their turn, another session may have ranked other texts.
    for (let unknown = this.#unknown(texts); unknown.size > 0; unknown = this.#unknown(texts))
      await this.#learn(texts, unknown, pace);
    return texts.map((text) => this.#ranks.get(text) as number);
  }

  #unknown(texts: readonly string[]): Set<string> {
    return new Set(texts.filter((text) => !this.#ranks.has(text)));
  }

  async #learn(texts: readonly string[], unknown: ReadonlySet<string>, pace: Pace): Promise<void> {
    const known = this.#ranks.size > 2 * texts.length + SPARE ? new Set(texts) : this.#ranks.keys();
    const all = [...new Set([...known, ...unknown])];
    const sorted = await pacedSort(all, (a, b) => (a < b ? -1 : a > b ? 1 : 0), pace);
    this.#ranks = new Map(sorted.map((text, rank) => [text, rank]));
  }
}
