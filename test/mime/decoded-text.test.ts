import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { decodedBody, decodedHeader } from "../../mime/decoded-text.ts";
import { StructureParser } from "../../mime/structure-parser.ts";
import { decodeTransfer } from "../../mime/transfer-decoding.ts";

async function textOf(message: string, piece = 7): Promise<string> {
  const bytes = Buffer.from(message, "latin1");
  const parser = new StructureParser();
  parser.push(bytes);
  async function* read(start: number, end: number) {
    for (let at = start; at < end; at += piece) yield bytes.subarray(at, Math.min(end, at + piece));
  }
  let text = "";
  for await (const part of decodedBody(parser.end().root, read)) text += part;
  return text;
}

async function decode(encoding: string, pieces: readonly Uint8Array[]): Promise<Buffer> {
  const decoded: Uint8Array[] = [];
  for await (const piece of decodeTransfer(encoding, pieces)) decoded.push(piece);
  return Buffer.concat(decoded);
}

function* cut(bytes: Uint8Array, length: number) {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

test("header text is decoded and unfolded", () => {
  const header = Buffer.from("Subject: =?utf-8?q?a=C3=A9?=\r\n b\r\nTo: x\r\nto: y\r\n\r\n");
  expect(decodedHeader(header, "subject")).toBe("aé b");
  expect(decodedHeader(header, "TO")).toBe("x\ny");
  expect(decodedHeader(header, "Cc")).toBeUndefined();
  expect(decodedHeader(header)).toBe("Subject: aé b\nTo: x\nto: y");
});

test("text parts are transfer-decoded and charset-decoded, other parts are not text", async () => {
  const message = [
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "Content-Type: text/plain; charset=iso-8859-1",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "caf=E9 so=",
    "ft",
    "--b",
    "Content-Type: text/html; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    Buffer.from("<b>naïve €</b>").toString("base64"),
    "--b",
    "Content-Type: application/octet-stream",
    "",
    "secret",
    "--b",
    "Content-Type: message/rfc822",
    "",
    "Subject: =?utf-8?q?=E2=82=AC?=",
    "",
    "inner \xc3\xa9",
    "--b--",
  ].join("\r\n");
  for (const piece of [1, 3, 7, 10_000])
    expect(await textOf(message, piece)).toBe("café soft\n<b>naïve €</b>\nSubject: €\ninner é\n");
});

test("an unknown charset, broken base64 and broken quoted-printable still give text", async () => {
  expect(await textOf("Content-Type: text/plain; charset=nope\r\n\r\nabc")).toBe("abc\n");
  expect(await textOf("Content-Transfer-Encoding: base64\r\n\r\nYWJj!!!ZGVm=\r\nZw")).toBe("abcdefg\n");
  expect(await textOf("Content-Transfer-Encoding: quoted-printable\r\n\r\na=zz b=  \r\nc \t\r\n=")).toBe(
    "a=zz bc\r\n=\n",
  );
});

test("base64 comes out as it went in, however it is cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 90 }), async (bytes, length) => {
      const encoded = Buffer.from(Buffer.from(bytes).toString("base64").replace(/.{20}/g, "$&\r\n"));
      expect(await decode("base64", [...cut(encoded, length)])).toEqual(Buffer.from(bytes));
    }),
  );
});

test("how quoted-printable is cut does not change the text", async () => {
  const piece = fc.constantFrom("=", "=4", "=41", "=\r\n", " ", "\t", "\r\n", "\n", "a", "=3D", "é");
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), fc.integer({ min: 1, max: 9 }), async (pieces, length) => {
      const bytes = Buffer.from(pieces.join(""), "latin1");
      expect(await decode("quoted-printable", [...cut(bytes, length)])).toEqual(
        await decode("quoted-printable", [bytes]),
      );
    }),
  );
});
