import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { BoundedBuffer } from "../../foundation/bounded-buffer.ts";

test("what is gathered is what was appended, up to the bound, however it is cut", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20_000 }),
      fc.array(fc.uint8Array({ maxLength: 9_000 }), { maxLength: 6 }),
      (bound, pieces) => {
        const gathered = new BoundedBuffer(bound);
        const taken = pieces.map((piece) => gathered.append(piece));
        const all = Buffer.concat(pieces).subarray(0, bound);
        expect(gathered.bytes().equals(all)).toBe(true);
        expect(taken.reduce((sum, one) => sum + one, 0)).toBe(all.length);
        expect(gathered.full).toBe(all.length === bound);
      },
    ),
  );
});

test("it takes octets from within a piece, and begins anew when it is cleared", () => {
  const gathered = new BoundedBuffer(5);
  expect(gathered.append(Buffer.from("abcdef"), 1, 4)).toBe(3);
  expect(gathered.append(Buffer.from("xyz"), 1)).toBe(2);
  expect(gathered.bytes().toString()).toBe("bcdyz");
  expect(gathered.append(Buffer.from("more"))).toBe(0);
  gathered.clear();
  expect(gathered.bytes()).toHaveLength(0);
  expect(gathered.append(Buffer.from("more"))).toBe(4);
  expect(gathered.bytes().toString()).toBe("more");
});
