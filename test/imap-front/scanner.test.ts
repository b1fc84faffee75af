import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { parseFetchItems } from "../../imap-front/fetch-items.ts";
import { parseFlags } from "../../imap-front/flags.ts";
import { defaultLimits } from "../../imap-front/limits.ts";
import { CommandFailure } from "../../imap-front/reply.ts";
import { parseSearchKeys } from "../../imap-front/search/search-key.ts";
import { formatString } from "../../imap-front/wire/format.ts";
import { type LiteralPiece, Scanner, SyntaxFailure } from "../../imap-front/wire/scanner.ts";

const octets = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const TOKENS = [
  " ",
  ...'( ) [ ] <0.5> " \\ {3} {3+} ~ * NIL BODY BODY.PEEK[ HEADER.FIELDS 1.2 .TEXT \\Seen'.split(" "),
].concat("ALL NOT OR 1:* 2,4:7 FROM UID KEYWORD SINCE 1-Feb-1994 MODSEQ HEADER RETURN".split(" "));
const words = fc.array(fc.oneof(octets, fc.constantFrom(...TOKENS)), { maxLength: 12 }).map((parts) => parts.join(""));
const pieces: fc.Arbitrary<LiteralPiece[]> = fc.array(fc.record({ literal: octets, text: words }), { maxLength: 2 });

const productions: readonly (readonly [string, (scanner: Scanner) => unknown])[] = [
  ["atom", (scanner) => scanner.atom()],
  ["astring", (scanner) => scanner.astring()],
  ["nstring", (scanner) => scanner.nstring()],
  ["mailbox", (scanner) => scanner.mailbox()],
  ["list-mailbox", (scanner) => scanner.listMailbox()],
  ["sequence-set", (scanner) => scanner.sequenceSet()],
  ["date", (scanner) => scanner.date()],
  ["date-time", (scanner) => scanner.dateTime()],
  ["flags", (scanner) => parseFlags(scanner, defaultLimits)],
  ["fetch items", (scanner) => parseFetchItems(scanner, defaultLimits)],
  ["search keys", (scanner) => parseSearchKeys(scanner, defaultLimits)],
];

test.each(productions)("%s throws nothing but its own failures on any octets", (_name, parse) => {
  fc.assert(
    fc.property(words, pieces, (text, more) => {
      const scanner = new Scanner(text, more);
      try {
        parse(scanner);
        scanner.end();
      } catch (error) {
        if (!(error instanceof SyntaxFailure) && !(error instanceof CommandFailure)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});

test("a string is read as it was written", () => {
  fc.assert(
    fc.property(octets, (text) => {
      const written = formatString(text);
      const end = written.indexOf("\r\n");
      const scanner = written.startsWith("{")
        ? new Scanner(written.slice(0, end), [{ literal: written.slice(end + 2), text: "" }])
        : new Scanner(written);
      expect(scanner.string()).toBe(text);
      scanner.end();
    }),
  );
});

test("nesting deeper than the bound is refused, in parentheses and in NOT", () => {
  const deep = (text: string) => () => parseSearchKeys(new Scanner(text), defaultLimits);
  expect(deep(`${"(".repeat(100_000)}ALL${")".repeat(100_000)}`)).toThrow(SyntaxFailure);
  expect(deep(`${"NOT ".repeat(900)}ALL`)).toThrow(SyntaxFailure);
  expect(deep(`${"(".repeat(60)}ALL${")".repeat(60)}`)).not.toThrow();
});

test("a date that no calendar has is refused", () => {
  expect(() => new Scanner("30-Feb-2026").date()).toThrow(SyntaxFailure);
  expect(new Scanner("29-Feb-2028").date()).toBe(Date.UTC(2028, 1, 29));
  expect(new Scanner('"17-Jul-1996 02:44:25 -0730"').dateTime()).toBe(Date.UTC(1996, 6, 17, 10, 14, 25));
});
