import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { padme } from "../../foundation/padme.ts";
import { decodeTrailer, paddedSize, padding, TRAILER_SIZE } from "../../maildir/padding.ts";

const emailId = "abcdefghijklmnop";

function padded(size: number): Buffer {
  const trailer = { size, internalDate: 1_795_435_200_000, emailId };
  return Buffer.concat([Buffer.alloc(size, "m"), ...padding(trailer)]);
}

test("padding makes exactly the size that was foretold, and the trailer gives the message's size back", () => {
  fc.assert(
    fc.property(fc.nat(300_000), (size) => {
      const plaintext = padded(size);
      expect(plaintext.length).toBe(paddedSize(size));
      expect(decodeTrailer(plaintext.subarray(-TRAILER_SIZE), plaintext.length)).toEqual({
        size,
        internalDate: 1_795_435_200_000,
        emailId,
      });
    }),
    { numRuns: 300 },
  );
});

test("what follows a message is line ends and spaces, then one line of printable text", () => {
  for (let size = 1_800; size < 2_300; size++) {
    const text = padded(size).subarray(size).toString("latin1");
    expect(text).toMatch(/^\r\n(?: *\r\n)* ?Postern-Trailer: v=1; [\x20-\x7e]+\r\n$/);
    expect(Math.max(...text.split("\r\n").map((line) => line.length))).toBeLessThan(100);
  }
});

test("padding costs at most 12 % above the smallest size", () => {
  for (let size = 2_048; size < 1e9; size = Math.ceil(size * 1.07)) {
    expect(padme(size)).toBeGreaterThanOrEqual(size);
    expect(padme(size)).toBeLessThanOrEqual(size * 1.12);
  }
});

test("there are few different sizes", () => {
  const different = new Set(Array.from({ length: 100_000 }, (_, size) => paddedSize(size)));
  expect(different.size).toBeLessThan(150);
});

test("a trailer of another size of plaintext is none", () => {
  const plaintext = padded(5_000);
  expect(decodeTrailer(plaintext.subarray(-TRAILER_SIZE), plaintext.length + 1)).toBeUndefined();
  expect(decodeTrailer(plaintext.subarray(-TRAILER_SIZE - 1, -1), plaintext.length)).toBeUndefined();
});
