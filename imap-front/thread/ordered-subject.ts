import type { Pace } from "../pace.ts";
import type { SortColumns } from "../sort/sort-columns.ts";
import { byDate } from "./by-date.ts";
import { Forest, NONE } from "./forest.ts";

/** THREAD=ORDEREDSUBJECT (RFC 5256 section 3): the first message of each subject, with the others below it; rows by ascending UID. */
export async function threadBySubject(columns: SortColumns, rows: readonly number[], pace: Pace): Promise<Forest> {
  const forest = new Forest(rows.length, rows.length);
  const firsts = new Map<number, number>();
  for (const message of await byDate(columns, rows, pace)) {
    const subject = columns.subjects[rows[message] as number] as number;
    const first = firsts.get(subject);
    if (first === undefined) firsts.set(subject, message);
    forest.append(first ?? NONE, message);
  }
  return forest;
}
