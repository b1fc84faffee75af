import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";
import type { Kind, SortColumns } from "./sort-columns.ts";

/** One criterion of SORT (RFC 5256 section 3, RFC 5957). */
export interface SortKey {
  readonly name: string;
  readonly reverse: boolean;
}

interface Criterion {
  readonly column: (columns: SortColumns) => Float64Array | Int32Array;
  /** What has to be read for it. */
  readonly needs?: Kind;
  /** The numbers stand for texts. */
  readonly isText?: true;
}

const CRITERIA: ReadonlyMap<string, Criterion> = new Map<string, Criterion>([
  ["ARRIVAL", { column: ({ arrivals }) => arrivals }],
  ["SIZE", { column: ({ sizes }) => sizes }],
  ["DATE", { column: ({ dates }) => dates, needs: "fields" }],
  ["SUBJECT", { column: ({ subjects }) => subjects, needs: "fields", isText: true }],
  ["FROM", { column: ({ from }) => from, needs: "addresses", isText: true }],
  ["TO", { column: ({ to }) => to, needs: "addresses", isText: true }],
  ["CC", { column: ({ cc }) => cc, needs: "addresses", isText: true }],
  ["DISPLAYFROM", { column: ({ displayFrom }) => displayFrom, needs: "addresses", isText: true }],
  ["DISPLAYTO", { column: ({ displayTo }) => displayTo, needs: "addresses", isText: true }],
]);

/** `"(" sort-criterion *(SP sort-criterion) ")"`; a criterion that came before is passed over. */
export function parseSortKeys(args: Scanner): SortKey[] {
  const keys = args.list((): SortKey => {
    let name = args.keyword();
    const reverse = name === "REVERSE";
    if (reverse) {
      args.space();
      name = args.keyword();
    }
    if (!CRITERIA.has(name)) throw new SyntaxFailure("unknown sort criterion");
    return { name, reverse };
  });
  if (keys.length === 0) throw new SyntaxFailure("expected a sort criterion");
  return keys.filter(({ name }, index) => keys.findIndex((other) => other.name === name) === index);
}

export function criterion({ name }: SortKey): Criterion {
  const known = CRITERIA.get(name);
  if (known === undefined) throw new Error(`${name} is no sort criterion`);
  return known;
}

/** What the criteria have to know of each message. */
export function wantedFor(keys: readonly SortKey[]): ReadonlySet<Kind> {
  return new Set(keys.flatMap((key) => criterion(key).needs ?? []));
}

/** Compares two rows by the criteria in turn, and by UID at last. */
export function sortOrder(columns: SortColumns, keys: readonly SortKey[]): (a: number, b: number) => number {
  const steps = keys.map((key) => {
    const { column, isText } = criterion(key);
    return { column, isText, sign: key.reverse ? -1 : 1 };
  });
  return (a, b) => {
    for (const { column, isText, sign } of steps) {
      const values = column(columns);
      const [x, y] = [values[a] as number, values[b] as number];
      if (x !== y) return sign * (isText ? columns.texts.compare(x, y) : x - y);
    }
    return (columns.uids[a] as number) - (columns.uids[b] as number);
  };
}
