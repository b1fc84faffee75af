import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { Scanner } from "../../imap-front/wire/scanner.ts";
import {
  formatRanges,
  formatSet,
  membersIn,
  normaliseSet,
  numbersIn,
  rangesWithout,
  STAR,
} from "../../imap-front/wire/sequence-set.ts";

const ascending = fc.uniqueArray(fc.integer({ min: 1, max: 300 })).map((list) => list.sort((a, b) => a - b));
const number = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(STAR));

test("a formatted set is read back as the numbers it was made of", () => {
  fc.assert(
    fc.property(
      ascending.filter((list) => list.length > 0),
      (numbers) => {
        const set = normaliseSet(new Scanner(formatSet(numbers)).sequenceSet(), 300);
        expect(membersIn(numbers, set)).toEqual(numbers);
        expect(set.reduce((sum, [from, to]) => sum + to - from + 1, 0)).toBe(numbers.length);
      },
    ),
  );
});

test("members are found as a plain look at every range finds them", () => {
  fc.assert(
    fc.property(ascending, fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 6 }), (uids, set) => {
      const last = uids.at(-1) ?? 0;
      const plain = uids.filter((uid) =>
        set.some(([a, b]) => {
          const [from, to] = [Math.min(a, last), Math.min(b, last)].map((end, i) =>
            [a, b][i] === STAR ? last : ([a, b][i] ?? end),
          );
          return uid >= Math.min(from ?? 0, to ?? 0) && uid <= Math.max(from ?? 0, to ?? 0);
        }),
      );
      expect(membersIn(uids, normaliseSet(set, last))).toEqual(plain);
    }),
  );
});

test("what ranges hold besides the members of a list is told in ranges", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 40 })), fc.integer({ min: 1, max: 40 }), (members, from) => {
      const ascending = members.toSorted((a, b) => a - b);
      const left = rangesWithout([[from, 45]], ascending);
      const expected = Array.from({ length: 46 - from }, (_, i) => from + i).filter((n) => !members.includes(n));
      expect([...numbersIn(left)]).toEqual(expected);
      expect(formatRanges(left)).toBe(formatSet(expected));
    }),
  );
});
