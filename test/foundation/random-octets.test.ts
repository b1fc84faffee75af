import { expect, test } from "@jest/globals";
import { randomOctets } from "../../foundation/random-octets.ts";

test("random octets are as many as were asked for, and never come twice", () => {
  const seen = new Set<string>();
  let given = 0;
  for (let round = 0; round < 2_000; round++)
    for (const length of [10, 16, 32, 2_048, 5_000].slice(0, round % 100 === 0 ? 5 : 3)) {
      const octets = randomOctets(length);
      expect(octets).toHaveLength(length);
      seen.add(octets.toString("latin1", 0, 10));
      given++;
    }
  expect(seen.size).toBe(given);
});

test("what was given stays as it is when others are given", () => {
  const first = randomOctets(32);
  const before = Buffer.from(first);
  for (let round = 0; round < 1_000; round++) randomOctets(32);
  expect(first).toEqual(before);
  expect(first).not.toEqual(Buffer.alloc(32));
});
