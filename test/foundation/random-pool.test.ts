import { expect, test } from "@jest/globals";
import { pooledRandomBytes } from "../../foundation/random-pool.ts";

test("as many octets as are asked for come, and never the same twice", () => {
  const seen = new Set<string>();
  for (let at = 0; at < 1000; at++) {
    const octets = pooledRandomBytes(16 + (at % 17));
    expect(octets).toHaveLength(16 + (at % 17));
    seen.add(octets.toString("hex", 0, 16));
  }
  expect(seen.size).toBe(1000);
});

test("what was given out is not changed by what is asked for later", () => {
  const first = pooledRandomBytes(32);
  const copy = Buffer.from(first);
  for (let at = 0; at < 300; at++) pooledRandomBytes(32);
  expect(first).toEqual(copy);
});

test("more than the pool holds comes, too", () => {
  const octets = pooledRandomBytes(10_000);
  expect(octets).toHaveLength(10_000);
  expect(octets.equals(Buffer.alloc(10_000))).toBe(false);
});
