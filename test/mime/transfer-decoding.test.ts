import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { decodeTransfer } from "../../mime/transfer-decoding.ts";
import { decodedText } from "../maildir/decoded.ts";

const piece = fc.oneof(
  fc.constantFrom(
    "=",
    "==",
    "=4",
    "=41",
    "=zz",
    " ",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "=\r\n",
    "= \r\n",
    "YQ==",
    "YW",
    "\0",
    "\xff",
  ),
  fc.string({ maxLength: 6 }),
);

async function decoded(encoding: string, pieces: readonly string[]): Promise<string> {
  let text = "";
  const octets = pieces.map((part) => Buffer.from(part, "latin1"));
  for await (const part of decodeTransfer(encoding, octets)) text += Buffer.from(part).toString("latin1");
  return text;
}

test.each(["base64", "quoted-printable", "8bit"])(
  "%s is decoded as a plain decoder does it, however it is cut",
  async (encoding) => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (parts) => {
        const pieces = parts.map((part) => Buffer.from(part, "utf8").toString("latin1"));
        const expected = decodedText(encoding, pieces.join(""));
        expect(await decoded(encoding, pieces)).toBe(expected);
        expect(await decoded(encoding, [pieces.join("")])).toBe(expected);
      }),
      { numRuns: 500 },
    );
  },
);
