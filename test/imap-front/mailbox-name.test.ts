import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { matchesPattern } from "../../imap-front/list/pattern.ts";
import { decodeMailboxName, encodeMailboxName, normaliseMailboxName } from "../../imap-front/wire/mailbox-name.ts";

test.each([
  ["~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"],
  ["A & B", "A &- B"],
  ["Entwürfe", "Entw&APw-rfe"],
  ["📬", "&2D3c7A-"],
])("%s is %s in modified UTF-7 (RFC 3501 section 5.1.3)", (name, wire) => {
  expect(encodeMailboxName(name)).toBe(wire);
  expect(decodeMailboxName(wire)).toBe(name);
});

test("every name comes back from modified UTF-7 as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      // oxlint-disable-next-line no-control-regex
      const name = text.normalize("NFC").replace(/[\x00-\x1f\x7f]/g, "");
      fc.pre(!/^inbox(?:\/|$)/i.test(name));
      expect(decodeMailboxName(encodeMailboxName(name))).toBe(name);
    }),
  );
});

test.each(["a&b", "&AOk", "&!-", "&AA-", "&2D0-"])("%s is no modified UTF-7", (wire) => {
  expect(decodeMailboxName(wire)).toBeUndefined();
});

test("INBOX is INBOX in any case, and UTF-8 is taken as it is", () => {
  expect(normaliseMailboxName("inBox")).toBe("INBOX");
  expect(normaliseMailboxName("inbox/Sub")).toBe("INBOX/Sub");
  expect(normaliseMailboxName("inboxes")).toBe("inboxes");
  expect(decodeMailboxName("A &- B", true)).toBe("A &- B");
  expect(decodeMailboxName(Buffer.from("Entwürfe").toString("latin1"))).toBe("Entwürfe");
  expect(decodeMailboxName("\xff\xfe")).toBeUndefined();
});

test.each([
  ["*", "a/b", true],
  ["%", "a/b", false],
  ["%", "a", true],
  ["%/%", "a/b", true],
  ["a*b", "a/x/b", true],
  ["a%b", "a/b", false],
  ["*/b", "b", false],
  ["%*", "a/b", true],
  ["", "", true],
  ["a", "ab", false],
])("the pattern %s against %s is %s", (pattern, name, expected) => {
  expect(matchesPattern(name, pattern)).toBe(expected);
});

test("no pattern takes exponential time", () => {
  expect(matchesPattern("a".repeat(500), `${"*a".repeat(200)}b`)).toBe(false);
});
