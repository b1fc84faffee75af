import type { Pace } from "../pace.ts";
import { Ordering } from "../sort/ordering.ts";
import type { SortColumns } from "../sort/sort-columns.ts";
import { valuesOf } from "../sort/sort-rows.ts";

/** Places in the list of rows, which are given by ascending UID, by sent date and then by UID. */
export async function byDate({ dates }: SortColumns, rows: readonly number[], pace: Pace): Promise<number[]> {
  const ordering = new Ordering(rows.length);
  ordering.by(valuesOf(dates, rows));
  if (pace.due) await pace.yield();
  return ordering.positions();
}
