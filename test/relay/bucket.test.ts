import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { Bucket } from "../../relay/bucket.ts";

test("a burst goes through at once, and then as much as the rate gives", () => {
  const bucket = new Bucket({ perSecond: 2, burst: 3 }, 0);
  expect([1, 2, 3].map(() => bucket.take(0))).toEqual([0, 0, 0]);
  expect([bucket.take(0), bucket.take(0)]).toEqual([500, 1_000]);
  expect(bucket.tryTake(1_000)).toBe(false);
  expect(bucket.tryTake(1_500)).toBe(true);
  expect(bucket.isFull(2_999)).toBe(false);
  expect(bucket.isFull(3_000)).toBe(true);
});

test("whatever the clock does, no more goes through than the burst and what the time that passed gives", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: -5_000, max: 5_000 }), fc.nat(20)), { maxLength: 50 });
  fc.assert(
    fc.property(steps, (moves) => {
      const bucket = new Bucket({ perSecond: 4, burst: 10 }, 0);
      let now = 0;
      let forward = 0;
      let taken = 0;
      for (const [move, tries] of moves) {
        now += move;
        forward += Math.max(0, move);
        for (let n = 0; n < tries; n++) if (bucket.tryTake(now)) taken++;
      }
      expect(taken).toBeLessThanOrEqual(10 + (forward / 1_000) * 4);
    }),
  );
});
