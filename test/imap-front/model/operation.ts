import * as fc from "fast-check";

/** Mailboxes that the operations are about; INBOX is always there. */
export const NAMES: readonly string[] = ["INBOX", "A", "B", "C"];
export const FLAGS: readonly string[] = ["\\Seen", "\\Flagged", "\\Deleted", "\\Answered", "$a", "$b"];

const weights = {
  SELECT: 5,
  EXAMINE: 1,
  QRESYNC: 3,
  UNSELECT: 1,
  CLOSE: 1,
  APPEND: 6,
  STORE: 8,
  "STORE SILENT": 4,
  "STORE UNCHANGEDSINCE": 4,
  COPY: 3,
  MOVE: 4,
  EXPUNGE: 4,
  "UID EXPUNGE": 2,
  FETCH: 7,
  "FETCH CHANGEDSINCE": 3,
  SEARCH: 5,
  SORT: 3,
  CATENATE: 2,
  REPLACE: 3,
  NOOP: 5,
  IDLE: 4,
  STATUS: 2,
  CREATE: 2,
  DELETE: 1,
  RENAME: 1,
} as const;

export type Kind = keyof typeof weights;

/** One step; the numbers choose among what there is when its turn comes. */
export interface Operation {
  readonly kind: Kind;
  /** Which of the three sessions. */
  readonly who: number;
  readonly uid: boolean;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const number = fc.nat(1_000_000);
const kind = fc.oneof(
  ...Object.entries(weights).map(([name, weight]) => ({ weight, arbitrary: fc.constant(name as Kind) })),
);

export const operation: fc.Arbitrary<Operation> = fc.record({
  kind,
  who: fc.nat(2),
  uid: fc.boolean(),
  a: number,
  b: number,
  c: number,
});

export const profile = fc.constantFrom(
  { rev2: false, condStore: false, qresync: false, uidOnly: false },
  { rev2: false, condStore: true, qresync: false, uidOnly: false },
  { rev2: false, condStore: true, qresync: true, uidOnly: false },
  { rev2: true, condStore: false, qresync: false, uidOnly: false },
  { rev2: true, condStore: true, qresync: true, uidOnly: false },
  { rev2: false, condStore: false, qresync: false, uidOnly: true },
  { rev2: true, condStore: true, qresync: true, uidOnly: true },
);

/** A set of sequence numbers or UIDs up to `last`. */
export function messageSet(last: number, { a, b, c }: Operation): string {
  const n = Math.max(1, last);
  const [i, j] = [1 + (a % n), 1 + (b % n)];
  return [`${i}`, `${i}`, `${i}:${j}`, `${i},${j}`, "*", `${i}:*`, "1:*", `${n + 1}`][c % 8] ?? "1";
}

export function flagsFor({ a, b }: Operation): string[] {
  return FLAGS.filter((_, index) => ((a + b) >> index) % 3 === 0);
}
