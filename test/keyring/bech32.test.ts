import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { decodeBech32, encodeBech32 } from "../../keyring/bech32.ts";

test("the examples of the age specification and of BIP 173 decode and encode", () => {
  const age = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
  expect(decodeBech32("age-secret-key-", age)).toEqual(Buffer.alloc(32, 0x42));
  expect(encodeBech32("age-secret-key-", Buffer.alloc(32, 0x42)).toUpperCase()).toBe(age);
  expect(decodeBech32("a", "A12UEL5L")).toEqual(Buffer.alloc(0));
  expect(decodeBech32("?", "?1ezyfcl")).toEqual(Buffer.alloc(0));
});

test.each([
  ["of mixed case", "a", "A12uEL5L"],
  ["of another prefix", "b", "A12UEL5L"],
  ["with a wrong checksum", "a", "A12UEL5K"],
  ["without a checksum", "a", "a1"],
  ["with a character outside the alphabet", "a", "a12uel5b"],
  ["without anything", "a", ""],
])("a text %s is refused", (_what, prefix, text) => {
  expect(decodeBech32(prefix, text)).toBeUndefined();
});

test("bytes come back in either case", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const text = encodeBech32("age", bytes);
      expect(decodeBech32("age", text)).toEqual(Buffer.from(bytes));
      expect(decodeBech32("age", text.toUpperCase())).toEqual(Buffer.from(bytes));
    }),
  );
});
