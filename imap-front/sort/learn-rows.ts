import type { Session } from "../session.ts";
import type { Mailbox } from "../store.ts";
import type { Kind, SortColumns } from "./sort-columns.ts";

/** Messages that are looked at between two looks at the clock: some milliseconds, where nothing is known of them. */
const BATCH = 256;

/** The rows of the messages, with what is wanted of them; those that are gone may be left out. */
export async function learnRows(
  session: Session,
  mailbox: Mailbox,
  columns: SortColumns,
  uids: readonly number[],
  wanted: ReadonlySet<Kind>,
): Promise<number[]> {
  const { options, limits, pace, signal } = session;
  const rows: number[] = [];
  for (let i = 0; i < uids.length; i += BATCH) {
    const batch = uids.slice(i, i + BATCH);
    const known = rows.length;
    if (!pushRows(columns, batch, wanted, rows)) {
      rows.length = known;
      await columns.unpack(pace);
      const unknown = batch.filter((uid) => columns.rowOf(uid) === undefined);
      if (unknown.length > 0) for (const summary of mailbox.summaries(unknown)) columns.add(summary);
      pushRows(columns, batch, wanted, rows);
      learn(mailbox, columns, rows.slice(known), wanted, limits.threadReferences);
    }
    session.progress?.at(i, uids.length);
    if (pace.due) await pace.yield();
    signal.throwIfAborted();
  }
  options.sortables.trim();
  return rows;
}

/** Adds the rows of the messages, as far as they have some; true if all that is wanted of all of them is known. */
function pushRows(columns: SortColumns, uids: readonly number[], wanted: ReadonlySet<Kind>, rows: number[]): boolean {
  const kinds = [...wanted];
  let all = true;
  for (const uid of uids) {
    const row = columns.rowOf(uid);
    if (row !== undefined) rows.push(row);
    all &&= row !== undefined && kinds.every((kind) => columns.knows(kind, row));
  }
  return all;
}

/** Reads what is wanted and not known yet of the rows; of a message that is gone nothing is. */
function learn(
  mailbox: Mailbox,
  columns: SortColumns,
  rows: readonly number[],
  wanted: ReadonlySet<Kind>,
  references: number,
): void {
  for (const kind of wanted) {
    const missing = rows.filter((row) => !columns.knows(kind, row));
    if (missing.length === 0) continue;
    const uids = missing.map((row) => columns.uids[row] as number);
    const each = <T>(values: readonly (T | undefined)[], set: (row: number, value: T) => void): void => {
      for (const [index, value] of values.entries()) if (value !== undefined) set(missing[index] as number, value);
    };
    if (kind === "fields") each(mailbox.sortFields(uids), (row, fields) => columns.setFields(row, fields));
    else if (kind === "addresses") each(mailbox.sortAddresses(uids), (row, some) => columns.setAddresses(row, some));
    else
      each(mailbox.threadFields(uids), (row, fields) => {
        columns.setFields(row, fields);
        columns.setLinks(row, fields, references);
      });
  }
}
