import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { ResponseScanner } from "../../bench/imap/response-scanner.ts";

/** What the scanner tells of these pieces; pieces of one literal are joined. */
function scan(pieces: readonly Buffer[]): string[] {
  const told: string[] = [];
  let literal: string | undefined;
  const tell = (text: string): void => {
    if (literal !== undefined) told.push(`literal ${literal}`);
    literal = undefined;
    told.push(text);
  };
  const scanner = new ResponseScanner({
    numbered: (number, kind) => tell(`${number} ${kind}`),
    untagged: (line) => tell(`untagged ${line}`),
    literal: (piece) => (literal = (literal ?? "") + piece.toString("latin1")),
    continuation: () => tell("continuation"),
    tagged: (line) => tell(`tagged ${line}`),
  });
  for (const piece of pieces) scanner.push(piece);
  return told;
}

const STREAM = [
  "* OK [CAPABILITY IMAP4rev1] ready",
  "+ go on",
  "* 12 EXISTS",
  "* 3 EXPUNGE",
  "* 7 FETCH (UID 9 BODY[] {22}",
  "b1 OK no\r\n* 1 EXISTS\r\n UID 9)",
  "* 8 FETCH (BODY[1] {0}",
  " X NIL)",
  `* SEARCH ${Array.from({ length: 300 }, (_, index) => index).join(" ")}`,
  '* LIST () "/" "a folder {5}x"',
  "b1 OK [READ-WRITE] done",
  "",
].join("\r\n");

test("responses are told as they are, whatever pieces they come in, and nothing inside a literal is one", () => {
  const expected = scan([Buffer.from(STREAM)]);
  expect(expected.filter((text) => !text.startsWith("untagged SEARCH"))).toEqual([
    "untagged OK [CAPABILITY IMAP4rev1] ready",
    "continuation",
    "12 EXISTS",
    "3 EXPUNGE",
    "7 FETCH",
    "literal b1 OK no\r\n* 1 EXISTS\r\n",
    "8 FETCH",
    'untagged LIST () "/" "a folder {5}x"',
    "tagged b1 OK [READ-WRITE] done",
  ]);
  fc.assert(
    fc.property(fc.array(fc.nat(STREAM.length), { maxLength: 40 }), (cuts) => {
      const edges = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
      const pieces = edges.slice(1).map((edge, index) => Buffer.from(STREAM.slice(edges[index], edge)));
      expect(scan(pieces)).toEqual(expected);
    }),
  );
});
