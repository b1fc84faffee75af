import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { formatEnvelope } from "../../mime/envelope.ts";

const header = (...fields: string[]) => Buffer.from(`${fields.join("\r\n")}\r\n\r\n`, "latin1");

const A = '((NIL NIL "a" "x"))';

const GOLDEN: readonly [fact: string, fields: string[], envelope: string][] = [
  ["an empty header has an envelope of NILs", [], "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"],
  [
    "the example of RFC 9051",
    [
      "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)",
      "From: Terry Gray <gray@cac.washington.edu>",
      "Subject: IMAP4rev2 WG mtg summary and minutes",
      "To: imap@cac.washington.edu",
      "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>",
      "Message-Id: <B27397-0100000@cac.washington.edu>",
    ],
    '("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" ' +
      '(("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) ' +
      '(("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) ' +
      '((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL ' +
      '"<B27397-0100000@cac.washington.edu>")',
  ],
  [
    "fields that are there but empty are empty strings",
    ["Subject:", "Date: ", "In-Reply-To:"],
    '("" "" NIL NIL NIL NIL NIL NIL "" NIL)',
  ],
  ["empty address fields are NIL", ["To: ", "Cc: ,;", "Bcc:"], "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"],
  [
    "sender and reply-to are from where they are absent or empty",
    ["From: a@x", "Sender: "],
    `(NIL NIL ${A} ${A} ${A} NIL NIL NIL NIL NIL)`,
  ],
  [
    "sender and reply-to of their own stay",
    ["From: a@x", "Reply-To: b@y"],
    `(NIL NIL ${A} ${A} ((NIL NIL "b" "y")) NIL NIL NIL NIL NIL)`,
  ],
  [
    "a group is opened and closed",
    ["To: Friends: a@x, Bob <b@y>;, c@z"],
    '(NIL NIL NIL NIL NIL ((NIL NIL "Friends" NIL)(NIL NIL "a" "x")("Bob" NIL "b" "y")(NIL NIL NIL NIL)(NIL NIL "c" "z")) NIL NIL NIL NIL)',
  ],
  [
    "an empty group",
    ["To: undisclosed-recipients:;"],
    '(NIL NIL NIL NIL NIL ((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL)',
  ],
  [
    "quotes and backslashes are quoted",
    ['Subject: a "b" \\c'],
    '(NIL "a \\"b\\" \\\\c" NIL NIL NIL NIL NIL NIL NIL NIL)',
  ],
  ["octets above 127 travel as a literal", ["Subject: \xfc"], "(NIL {1}\r\n\xfc NIL NIL NIL NIL NIL NIL NIL NIL)"],
  ["NUL is left out and a bare CR is a blank", ["Subject: a\0b\rc"], '(NIL "ab c" NIL NIL NIL NIL NIL NIL NIL NIL)'],
  ["a folded subject is unfolded", ["Subject: a", "  b"], '(NIL "a  b" NIL NIL NIL NIL NIL NIL NIL NIL)'],
  [
    "a second subject is passed over, a second To is not",
    ["Subject: 1", "Subject: 2", "To: a@x", "To: b@y"],
    '(NIL "1" NIL NIL NIL ((NIL NIL "a" "x")(NIL NIL "b" "y")) NIL NIL NIL NIL)',
  ],
  [
    "an address without a domain has an empty host",
    ["To: root"],
    '(NIL NIL NIL NIL NIL ((NIL NIL "root" "")) NIL NIL NIL NIL)',
  ],
  [
    "a source route has its own place",
    ["To: <@a,@b:c@d>"],
    '(NIL NIL NIL NIL NIL ((NIL "@a,@b" "c" "d")) NIL NIL NIL NIL)',
  ],
];

test.each(GOLDEN)("%s", (_fact, fields, envelope) => {
  expect(formatEnvelope(header(...fields))).toBe(envelope);
});

test("a long subject travels as a literal", () => {
  expect(formatEnvelope(header(`Subject: ${"x".repeat(5_000)}`))).toContain(`{5000}\r\n${"x".repeat(5_000)} NIL`);
});

/** Reads wire form back; throws where it is not well-formed. */
function readWire(text: string): unknown {
  let at = 0;
  const value = (): unknown => {
    if (text.startsWith("NIL", at)) {
      at += 3;
      return null;
    }
    if (text[at] === "(") {
      const list: unknown[] = [];
      at++;
      while (text[at] !== ")") {
        if (at >= text.length) throw new Error("open list");
        list.push(value());
        if (text[at] === " ") at++;
      }
      at++;
      return list;
    }
    const literal = /^\{(\d+)\}\r\n/.exec(text.slice(at, at + 20));
    if (literal !== null) {
      const start = at + literal[0].length;
      at = start + Number(literal[1]);
      return text.slice(start, at);
    }
    const quoted = /^"((?:[^"\\\r\n\0\x80-\xff]|\\["\\])*)"/.exec(text.slice(at));
    if (quoted === null) throw new Error(`not well-formed at ${at}: ${JSON.stringify(text)}`);
    at += quoted[0].length;
    return quoted[1];
  };
  const result = value();
  if (at !== text.length) throw new Error("something follows");
  return result;
}

test("any header makes a well-formed envelope of ten members", () => {
  const name = fc.constantFrom(
    "From",
    "To",
    "Subject",
    "Date",
    "Cc",
    "Message-ID",
    "In-Reply-To",
    "Reply-To",
    "X",
    " ",
  );
  const piece = fc.constantFrom(
    '"',
    "\\",
    "<",
    ">",
    "@",
    ",",
    ";",
    ":",
    "(",
    ")",
    "[",
    "]",
    " ",
    "\r\n ",
    "\r",
    "\0",
    "a",
    ".",
    "é",
    "=?utf-8?q?x?=",
  );
  const field = fc.tuple(name, fc.array(piece, { maxLength: 25 })).map(([key, pieces]) => `${key}:${pieces.join("")}`);
  fc.assert(
    fc.property(fc.array(field, { maxLength: 6 }), (fields) => {
      expect(readWire(formatEnvelope(header(...fields)))).toHaveLength(10);
    }),
    { numRuns: 1_000 },
  );
});
