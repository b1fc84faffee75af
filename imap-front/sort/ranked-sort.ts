import type { Pace } from "../pace.ts";
import { pacedSort } from "./paced-sort.ts";
import { type Sortable, type SortKey, sortValues } from "./sort-key.ts";
import type { TextRanks } from "./text-ranks.ts";

/** Sorts messages that are given by ascending UID, which decides at last; compares nothing but numbers. */
export async function rankedSort(
  messages: readonly Sortable[],
  keys: readonly SortKey[],
  ranks: (criterion: string) => TextRanks,
  pace: Pace,
): Promise<Sortable[]> {
  const columns: { readonly values: readonly number[]; readonly sign: number }[] = [];
  for (const { name, reverse } of keys) {
    const values = sortValues(messages, name);
    const numbers = values.kind === "numbers" ? values.numbers : await ranks(name).of(values.texts, pace);
    columns.push({ values: numbers, sign: reverse ? -1 : 1 });
  }
  const compare = (a: number, b: number): number => {
    for (const { values, sign } of columns) {
      const difference = (values[a] as number) - (values[b] as number);
      if (difference !== 0) return sign * difference;
    }
    return a - b;
  };
  const order = await pacedSort([...messages.keys()], compare, pace);
  return order.map((index) => messages[index] as Sortable);
}
