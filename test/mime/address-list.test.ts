import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { type Address, parseAddressList } from "../../mime/address-list.ts";

function show(address: Address): string {
  if (address.kind === "group") return `${address.name}:{${address.members.map(show).join("|")}}`;
  const route = address.route === undefined ? "" : `${address.route}!`;
  return `${address.name ?? "-"}<${route}${address.local}~${address.domain}>`;
}

test.each([
  ["a@b", "-<a~b>"],
  ["<a@b>", "-<a~b>"],
  ["Ann Lee <a@b>", "Ann Lee<a~b>"],
  ['"Lee, Ann" <a@b>', "Lee, Ann<a~b>"],
  ['"a \\"b\\" \\\\" <a@b>', 'a "b" \\<a~b>'],
  ["a@b (Ann (the) Lee)", "Ann (the) Lee<a~b>"],
  ["(c) Ann (d) Lee <a@b> (e)", "Ann Lee<a~b>"],
  ["J.R.R. Tolkien <j@b>", "J.R.R. Tolkien<j~b>"],
  ["john . smith @ example . org", "-<john.smith~example.org>"],
  ['"john smith"@b', "-<john smith~b>"],
  ["a@[127.0.0.1]", "-<a~[127.0.0.1]>"],
  ["a@b, c@d,, ,e@f", "-<a~b> -<c~d> -<e~f>"],
  ["g: a@b, C <c@d>; , e@f", "g:{-<a~b>|C<c~d>} -<e~f>"],
  ["g:;", "g:{}"],
  ["g: a@b", "g:{-<a~b>}"],
  ["a@b; c@d", "-<a~b> -<c~d>"],
  ["bob@x <bob@x>", "bob@x<bob~x>"],
  ["Bob bob@x", "Bob<bob~x>"],
  ["<@a,@b:c@d>", "-<@a,@b!c~d>"],
  ["Ann <a@b", "Ann<a~b>"],
  ["Ann <a@b, c@d", "Ann<a~b> -<c~d>"],
  ["nobody", "-<nobody~>"],
  ["<>", ""],
  ["Ann <>", "Ann<~>"],
  ["a@b@c", "-<a@b~c>"],
  ['"unclosed <a@b>', "-<unclosed <a@b>~>"],
  ["(unclosed a@b", ""],
  ["=?utf-8?q?J=C3=B6rg?= <a@b>", "=?utf-8?q?J=C3=B6rg?=<a~b>"],
  ["", ""],
  [",;:<>@.", ":{}"],
])("%j is read as %j", (value, expected) => {
  expect(parseAddressList(value).map(show).join(" ")).toBe(expected);
});

test("no text makes it throw", () => {
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
    "\t",
    "a",
    "b.c",
    "é",
    "\0",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      parseAddressList(pieces.join(""));
    }),
    { numRuns: 2_000 },
  );
});

test.each(["(", ":", "<", '"', "@", ".", "a ", "a,", "<a,", "a:", "\\"])(
  "200 KB of %j is read in linear time",
  (piece) => {
    const before = performance.now();
    parseAddressList(piece.repeat(200_000 / piece.length));
    expect(performance.now() - before).toBeLessThan(3_000);
  },
);
