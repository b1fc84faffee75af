import type { Pace } from "../pace.ts";
import { Ordering } from "./ordering.ts";
import type { SortColumns } from "./sort-columns.ts";
import { criterion, type SortKey } from "./sort-key.ts";

/** Sorts rows that are given by ascending UID, which decides at last. */
export async function sortRows(
  columns: SortColumns,
  rows: readonly number[],
  keys: readonly SortKey[],
  pace: Pace,
): Promise<number[]> {
  const ordering = new Ordering(rows.length);
  for (const key of keys) {
    const { column, isText } = criterion(key);
    const ranks = isText ? await columns.texts.ranks(pace) : undefined;
    ordering.by(valuesOf(column(columns), rows, ranks), key.reverse);
    if (pace.due) await pace.yield();
  }
  const positions = ordering.positions();
  if (pace.due) await pace.yield();
  return positions.map((position) => rows[position] as number);
}

/** A column's values for these rows; of texts, their ranks. */
export function valuesOf(
  column: Float64Array | Int32Array,
  rows: readonly number[],
  ranks?: Float64Array,
): Float64Array {
  const values = new Float64Array(rows.length);
  for (let at = 0; at < rows.length; at++) {
    const value = column[rows[at] as number] as number;
    values[at] = ranks === undefined ? value : (ranks[value] as number);
  }
  return values;
}
