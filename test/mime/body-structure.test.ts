import { expect, test } from "@jest/globals";
import { DecodeError } from "../../foundation/bytes.ts";
import { formatBodyStructure } from "../../mime/body-structure.ts";
import { decodePart, encodePart } from "../../mime/part-codec.ts";
import { StructureParser } from "../../mime/structure-parser.ts";

function parse(...lines: string[]) {
  const parser = new StructureParser();
  parser.push(Buffer.from(lines.join("\r\n"), "latin1"));
  return parser.end().root;
}

const MIXED = [
  "Content-Type: multipart/mixed; boundary=b",
  "",
  "--b",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Language: de, en",
  "",
  "hi",
  "--b",
  "Content-Type: application/pdf; name=a.pdf",
  "Content-Transfer-Encoding: base64",
  'Content-Disposition: attachment; filename="a.pdf"',
  "Content-ID: <i@x>",
  "",
  "QQ==",
  "--b",
  "Content-Type: message/rfc822",
  "",
  "Subject: s",
  "",
  "inner",
  "--b--",
];

test("BODY holds the basic fields", () => {
  expect(formatBodyStructure(parse(...MIXED), false)).toBe(
    '(("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 2 1)' +
      '("application" "pdf" ("name" "a.pdf") "<i@x>" NIL "base64" 4)' +
      '("message" "rfc822" NIL NIL NIL "7bit" 19 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) ' +
      '("text" "plain" NIL NIL NIL "7bit" 5 1) 3) "mixed")',
  );
});

test("BODYSTRUCTURE adds the extension fields", () => {
  expect(formatBodyStructure(parse(...MIXED), true)).toBe(
    '(("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 2 1 NIL NIL ("de" "en") NIL)' +
      '("application" "pdf" ("name" "a.pdf") "<i@x>" NIL "base64" 4 NIL ("attachment" ("filename" "a.pdf")) NIL NIL)' +
      '("message" "rfc822" NIL NIL NIL "7bit" 19 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) ' +
      '("text" "plain" NIL NIL NIL "7bit" 5 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL) ' +
      '"mixed" ("boundary" "b") NIL NIL NIL)',
  );
});

test("a multipart without parts shows its body as text", () => {
  expect(formatBodyStructure(parse("Content-Type: multipart/mixed; boundary=b", "", "abc"), false)).toBe(
    '(("text" "plain" NIL NIL NIL "7bit" 3 1) "mixed")',
  );
});

test("a message that was not looked into is opaque", () => {
  const root = parse("Content-Type: message/rfc822", "Content-Transfer-Encoding: base64", "", "QQ==");
  expect(formatBodyStructure(root, false)).toBe('("application" "octet-stream" NIL NIL NIL "base64" 4)');
});

test("a stored structure reads back as it was", () => {
  const root = parse(...MIXED);
  expect(decodePart(encodePart(root))).toEqual(root);
  expect(encodePart(root).length).toBeLessThan(1_000);
});

test.each([[[]], [[9]], [[1, 0x7b]], [[1, 0x5b, 0x5d]]])("bytes %j are no stored structure", (bytes) => {
  expect(() => decodePart(Uint8Array.from(bytes))).toThrow(DecodeError);
});
