import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { baseSubject } from "../../mime/base-subject.ts";
import { formatDateTime, parseDateTime } from "../../mime/date.ts";
import { decodeEncodedWords } from "../../mime/encoded-word.ts";
import { headerFields } from "../../mime/header.ts";
import { messageId, parseMessageIds, referencedIds } from "../../mime/message-ids.ts";
import { parameterText, parseParameterized } from "../../mime/parameters.ts";

const octets = (text: string) => Buffer.from(text, "latin1");

test("fields come in order with their place; what is no field is passed over", () => {
  const header = octets(
    "From me Mon Jan 1\r\n junk\r\nA: b\r\n c\r\nno field\n\tjunk\nFrom : x\nF\0rom: y\r\n: z\r\nEnd:\r\n\r\nBody: no",
  );
  const fields = [...headerFields(header)].map(({ name, value, start, end }) => [
    name,
    value,
    header.toString("latin1", start, end),
  ]);
  expect(fields).toEqual([
    ["A", "b c", "A: b\r\n c\r\n"],
    ["From", "x", "From : x\n"],
    ["End", "", "End:\r\n"],
  ]);
});

test("fields never overlap and never throw", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", ":", "\r", "\n", " ", "\t", "\0", "é"), { maxLength: 60 }), (pieces) => {
      let last = 0;
      for (const field of headerFields(octets(pieces.join("")))) {
        expect(field.start).toBeGreaterThanOrEqual(last);
        expect(field.valueStart).toBeLessThanOrEqual(field.end);
        last = field.end;
      }
    }),
  );
});

test.each([
  ["=?utf-8?Q?caf=C3=A9?=", "café"],
  ["=?ISO-8859-1?B?Y2Fm6Q==?= au lait", "café au lait"],
  ["=?utf-8?q?a?= =?utf-8?q?b?=", "ab"],
  ["=?utf-8?q?a?=  =?iso-8859-1?q?=E9?=", "aé"],
  ["=?utf-8?b?4oI=?= =?utf-8?b?rA==?=", "€"],
  ["x =?utf-8?q?a_b?= y", "x a b y"],
  ["=?utf-8*en?q?lang?=", "lang"],
  ["=?koi8-r?B?8NLJ18XU?=", "Привет"],
  ["=?no-such?q?abc?=", "abc"],
  ["=?utf-8?x?abc?=", "=?utf-8?x?abc?="],
  ["=?utf-8?q?", "=?utf-8?q?"],
  ["caf\xc3\xa9", "café"],
  ["caf\xe9", "café"],
  ["=?utf-8?q?=ff?=", "\ufffd"],
])("the encoded word %j reads %j", (value, text) => {
  expect(decodeEncodedWords(value)).toBe(text);
});

test.each([
  ["a; name=x", "x"],
  ['a; name="x y"', "x y"],
  ["a; name*=utf-8'en'%e2%82%ac%20rates", "€ rates"],
  ["a; name*0*=utf-8''%e2%82; name*1*=%ac; name*2=\" tail\"", "€ tail"],
  ['a; name*1=b; name*0=a; name="old"', "ab"],
  ["a; NAME*=iso-8859-1''%E9; name=e", "é"],
  ["a; (c) name (c) = (c) x (c)", "x"],
  ["a; name=", ""],
  ['a; name="open', "open"],
  ["a; other=1", undefined],
  ["a; name*=%zz", "%zz"],
  ["name=x", undefined],
])("the parameter in %j is %j", (field, text) => {
  expect(parameterText(parseParameterized(field).parameters, "name")).toBe(text);
});

test.each([
  ["Mon, 23 Nov 2026 14:36:11 +0100", "2026-11-23T13:36:11.000Z", 60],
  ["23 Nov 2026 14:36 -0730", "2026-11-23T22:06:00.000Z", -450],
  ["Mon, 23 Nov 26 14:36:11 EST", "2026-11-23T19:36:11.000Z", -300],
  ["Fri, 21 Nov 97 09(comment):   55  :  06 -0600", "1997-11-21T15:55:06.000Z", -360],
  ["Mon Nov 23 14:36:11 2026", "2026-11-23T14:36:11.000Z", 0],
  ["Thu, 1 Jan 1970 00:00:00 +0000 (UTC)", "1970-01-01T00:00:00.000Z", 0],
  ["Mon, 23-Nov-2026 14:36:60 GMT", "2026-11-23T14:37:00.000Z", 0],
])("the date %j is told", (value, iso, zone) => {
  const date = parseDateTime(value);
  expect(new Date(date?.time ?? 0).toISOString()).toBe(iso);
  expect((date?.zone ?? 0) + 0).toBe(zone);
});

test.each(["", "yesterday", "32 Nov 2026 00:00:00", "1 Foo 2026 00:00:00", "1 Nov 2026 25:00:00", "\0"])(
  "%j is no date",
  (value) => {
    expect(parseDateTime(value)).toBeUndefined();
  },
);

test("a formatted date reads as the same second", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), (seconds) => {
      expect(parseDateTime(formatDateTime(seconds * 1000))).toEqual({ time: seconds * 1000, zone: 0 });
    }),
  );
  expect(formatDateTime(0)).toBe("Thu, 01 Jan 1970 00:00:00 +0000");
});

test("message ids are found among other text, quoting is taken off where it says nothing", () => {
  expect(parseMessageIds('<a@b> your mail of today <"c"@d> <"x y"@z> <no> <e@f')).toEqual(["a@b", "c@d", '"x y"@z']);
  const header = octets("Message-ID: <1@x>\r\nIn-Reply-To: <2@x> <3@x>\r\n\r\n");
  expect(messageId(header)).toBe("1@x");
  expect(referencedIds(header)).toEqual(["2@x"]);
  expect(referencedIds(octets("References: <0@x>\r\n <2@x>\r\nIn-Reply-To: <9@x>\r\n"))).toEqual(["0@x", "2@x"]);
});

test.each([
  ["Hello", "Hello", false],
  ["Re: Hello", "Hello", true],
  ["RE[2]: fwd: Hello (fwd)", "Hello", true],
  ["[list] Re: [list] Hello", "Hello", true],
  ["[list] Hello", "Hello", false],
  ["[only]", "[only]", false],
  ["[a][b]", "[b]", false],
  ["[Fwd: Re: Hello]", "Hello", true],
  ["Re:", "", true],
  ["  a \t b  ", "a b", false],
  ["Regarding: x", "Regarding: x", false],
])("the base of %j is %j", (subject, base, isReplyOrForward) => {
  expect(baseSubject(subject)).toEqual({ base, isReplyOrForward });
});

test.each(["[a]", "re:", "[fwd:", "(fwd)", " ", "[", "<", "=?", "<a@", '<"'])("100 KB of %j take no time", (piece) => {
  const text = piece.repeat(100_000 / piece.length);
  const before = performance.now();
  baseSubject(text);
  decodeEncodedWords(text);
  parseMessageIds(text);
  parseDateTime(text);
  parseParameterized(text);
  expect(performance.now() - before).toBeLessThan(2_000);
});
