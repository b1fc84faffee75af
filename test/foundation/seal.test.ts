import { hkdfSync } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { deriveKey } from "../../foundation/seal.ts";

test("keys are those of node:crypto's HKDF, whatever secret, salt, label and length", () => {
  const octets = fc.uint8Array({ maxLength: 100 });
  fc.assert(
    fc.property(
      octets,
      octets,
      fc.string({ unit: "grapheme" }),
      fc.integer({ min: 1, max: 80 }),
      (secret, salt, label, length) => {
        expect(deriveKey(secret, label, length, salt)).toEqual(
          Buffer.from(hkdfSync("sha256", secret, salt, label, length)),
        );
        expect(deriveKey(secret, label, length)).toEqual(Buffer.from(hkdfSync("sha256", secret, "", label, length)));
      },
    ),
  );
});

test("the third vector of RFC 5869 appendix A, cut to one block", () => {
  const key = deriveKey(Buffer.alloc(22, 0x0b), "", 32, Buffer.alloc(0));
  expect(key.toString("hex")).toBe("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
});
