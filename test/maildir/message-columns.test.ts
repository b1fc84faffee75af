import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { DELETED, type FlagSet, formatFlags, SEEN } from "../../maildir/flags.ts";
import { MessageColumns } from "../../maildir/message-columns.ts";

interface Row extends FlagSet {
  readonly modSeq: number;
  readonly size: number;
}

const flagSet = fc.record({
  bits: fc.integer({ min: 0, max: 31 }),
  keywords: fc.integer({ min: 0, max: 5_000 }).map((number) => (number < 1_000 ? "" : `k${number}`)),
});
const step = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), flags: fc.array(flagSet, { maxLength: 60 }) }),
  fc.record({ kind: fc.constant("flags" as const), every: fc.integer({ min: 1, max: 9 }), flags: flagSet }),
  fc.record({ kind: fc.constant("remove" as const), every: fc.integer({ min: 2, max: 9 }) }),
);

function each<T>(list: readonly T[], every: number): T[] {
  return list.filter((_, index) => index % every === 0);
}

test("columns say what plain rows say after any changes, also of more sets of flags than are remembered", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), (steps) => {
      const columns = new MessageColumns();
      const rows = new Map<number, Row>();
      let uid = 0;
      for (const [modSeq, change] of steps.entries()) {
        const uids = [...rows.keys()];
        if (change.kind === "add") {
          const added = change.flags.map((flags): [number, Row] => [(uid += 3), { ...flags, modSeq, size: uid + 1 }]);
          for (const [number, row] of added) rows.set(number, row);
          columns.add(
            added.map(([number, row]) => [number, row.bits, row.keywords, modSeq, 1, 2, row.size, number * 7]),
          );
        } else if (change.kind === "flags") {
          for (const number of each(uids, change.every)) {
            const row = rows.get(number) as Row;
            rows.set(number, { ...row, ...change.flags, modSeq });
          }
          columns.setFlags(each([...uids, uid + 1], change.every), change.flags, modSeq);
        } else {
          for (const number of each(uids, change.every)) rows.delete(number);
          columns.remove(each(uids, change.every));
        }
      }
      const all = [...rows.values()];
      const sum = (some: readonly Row[]) => some.reduce((size, row) => size + row.size, 0);
      const deleted = all.filter(({ bits }) => (bits & DELETED) !== 0);
      expect(columns.totals).toEqual({
        messages: rows.size,
        unseen: all.filter(({ bits }) => (bits & SEEN) === 0).length,
        deleted: deleted.length,
        size: sum(all),
        deletedSize: sum(deleted),
      });
      const summaries = [...columns.summaries([...rows.keys()], () => undefined)];
      expect(summaries.map(({ uid: number, flags, modSeq, size }) => [number, flags, modSeq, size])).toEqual(
        [...rows].map(([number, row]) => [number, formatFlags(row), row.modSeq, row.size]),
      );
      expect(columns.contents([...rows.keys(), uid + 1])).toEqual([...[...rows.keys()].map((n) => n * 7), undefined]);
    }),
    { numRuns: 40 },
  );
});
