import type { Database } from "../foundation/database.ts";

type Contents = readonly (number | undefined)[];
type ContentRow = readonly [content: number, ...columns: unknown[]];

/** Reads columns for many contents, in the order they are given; undefined where there is no row. */
export type RowsOf<R extends ContentRow> = (contents: Contents) => (R | undefined)[];

/** A range is read in one go where the contents lie close together, as those do that came together. */
export function rowsOf<R extends ContentRow>(
  sqlite: Database["sqlite"],
  table: string,
  key: string,
  columns: string,
): RowsOf<R> {
  const select = `SELECT ${key}, ${columns} FROM ${table} WHERE ${key}`;
  const range = sqlite.prepare<[number, number], R>(`${select} BETWEEN ? AND ? ORDER BY ${key}`).raw();
  const among = sqlite.prepare<[string], R>(`${select} IN (SELECT value FROM json_each(?)) ORDER BY ${key}`).raw();
  return (contents) => {
    let [first, last, count] = [Number.POSITIVE_INFINITY, 0, 0];
    for (const content of contents) {
      if (content === undefined) continue;
      first = Math.min(first, content);
      last = Math.max(last, content);
      count++;
    }
    if (count === 0) return contents.map(() => undefined);
    const rows = last - first < 2 * count ? range.all(first, last) : among.all(JSON.stringify(contents.filter(known)));
    return inOrder(rows, contents);
  };
}

/** Reads one column for many contents. */
export function valuesOf<T>(
  sqlite: Database["sqlite"],
  table: string,
  key: string,
  column: string,
): (contents: Contents) => (T | undefined)[] {
  const rows = rowsOf<readonly [number, T]>(sqlite, table, key, column);
  return (contents) => rows(contents).map((row) => row?.[1]);
}

function known(content: number | undefined): content is number {
  return content !== undefined;
}

/** Rows by ascending content. Most lists ascend too: then both are walked through side by side. */
function inOrder<R extends ContentRow>(rows: readonly R[], contents: Contents): (R | undefined)[] {
  let byContent: Map<number, R> | undefined;
  let next = 0;
  let last = 0;
  return contents.map((content) => {
    if (content === undefined) return undefined;
    if (content < last) byContent ??= new Map(rows.map((row) => [row[0], row]));
    if (byContent !== undefined) return byContent.get(content);
    last = content;
    while (next < rows.length && (rows[next] as R)[0] < content) next++;
    const row = rows[next];
    return row?.[0] === content ? row : undefined;
  });
}
