import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { bodyOf, decodedBodyOf, leaves, parseEntity } from "../../../legacy-gateway/openpgp/entity.ts";
import { sevenBit } from "../../../legacy-gateway/openpgp/seven-bit.ts";

const SAFE = /^(?:(?!From )[\t -~]{0,998}(?<![\t ])\r\n)*(?:(?!From )[\t -~]{0,998}(?<![\t ]))?$/;

async function survives(text: Buffer): Promise<void> {
  const head = "From: a@b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
  const made = await sevenBit(parseEntity(Buffer.concat([Buffer.from(head), text])));
  if (made === undefined) throw new Error("a text was refused");
  expect(bodyOf(made, made.root).toString("latin1")).toMatch(SAFE);
  expect((await decodedBodyOf(made, made.root)).equals(text)).toBe(true);
}

test("any text survives the relays, and is the same once it is decoded", async () => {
  const piece = fc.constantFrom(
    "a",
    "=",
    " ",
    "\t",
    ".",
    "From ",
    "\u00fc",
    "\r\n",
    "\r\n.\r\n",
    "x".repeat(80),
    "y".repeat(1_200),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 40 }), (pieces) => survives(Buffer.from(pieces.join(""), "utf8"))),
    { numRuns: 300 },
  );
});

test("a line that is broken right before From does not begin with it", async () => {
  for (let length = 1_190; length < 1_210; length++) await survives(Buffer.from(`${"y".repeat(length)}From a`));
});

test("files of octets become base64, parts that are safe stay as they are, and no multipart says that it holds eight bits", async () => {
  const letter = [
    "From: a@b",
    'Content-Type: multipart/mixed; boundary="m"',
    "Content-Transfer-Encoding: 8bit",
    "",
    "--m",
    "Content-Type: text/plain",
    "",
    "plain",
    "--m",
    "Content-Type: application/octet-stream",
    "Content-Transfer-Encoding: binary",
    "",
    "\xff\x00\n\xfe",
    "--m--",
    "",
  ].join("\r\n");
  const made = await sevenBit(parseEntity(Buffer.from(letter, "latin1")));
  if (made === undefined) throw new Error("it was refused");
  expect(made.octets.toString("latin1")).not.toMatch(/8bit|binary/);
  const [text, file] = [...leaves(made.root)];
  if (text === undefined || file === undefined) throw new Error("parts are missing");
  expect(bodyOf(made, text).toString()).toBe("plain");
  expect(file.encoding).toBe("base64");
  expect((await decodedBodyOf(made, file)).toString("latin1")).toBe("\xff\x00\n\xfe");
});

test("an attached message in eight bits may not be encoded: nothing is made of it", async () => {
  const letter =
    'From: a@b\r\nContent-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n\xfc\r\n--m--\r\n';
  expect(await sevenBit(parseEntity(Buffer.from(letter, "latin1")))).toBeUndefined();
});
