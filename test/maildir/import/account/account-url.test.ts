import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { formatUids } from "../../../../imap-client/uids.ts";
import { accountName, isAccountUrl, parseAccountUrl } from "../../../../maildir/import/account/account-url.ts";

test.each([
  ["imaps://ann@mail.example.org", { host: "mail.example.org", port: 993, user: "ann", implicitTls: true }],
  ["imap://ann@mail.example.org/", { host: "mail.example.org", port: 143, user: "ann", implicitTls: false }],
  [
    "IMAPS://ann%40example.org@MAIL.example.org:1993/Work/Old%20mail",
    { host: "mail.example.org", port: 1993, user: "ann@example.org", implicitTls: true, folder: "Work/Old mail" },
  ],
  ["imaps://ann@example.org@mail.example.org", { user: "ann@example.org", host: "mail.example.org" }],
  ["imap://ann@[::1]:4143/", { host: "::1", port: 4143 }],
])("%s names an account", (text, parts) => {
  expect(isAccountUrl(text)).toBe(true);
  expect(parseAccountUrl(text)).toMatchObject(parts);
});

test.each([
  "imaps://mail.example.org",
  "imaps://ann@",
  "imaps://ann@host:99999",
  "imaps://ann@host/a?b",
  "imaps://ann@host/%00",
  "imaps://ann@host/%ff",
  "pop3://ann@host",
])("%s is refused with an example", (text) => {
  expect(() => parseAccountUrl(text)).toThrow(/imaps:\/\/user@host/);
});

test("a password in the URL is refused and not repeated", () => {
  for (const text of ["imaps://ann:s3cret@host", "imaps://ann:s3cret@example.org@host/INBOX"])
    expect(() => parseAccountUrl(text)).toThrow(/^a password does not belong on the command line/);
});

test("whatever is parsed, only a Failure is thrown", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.webUrl(),
        fc.string().map((rest) => `imaps://${rest}`),
      ),
      (text) => {
        try {
          parseAccountUrl(text);
        } catch (error) {
          expect(error).toMatchObject({ name: "Failure", code: "invalid" });
        }
      },
    ),
  );
});

test("the ledger knows an account by the same name on both usual ports, and by the port elsewhere", () => {
  expect(accountName({ user: "a", host: "h", port: 143 })).toBe(accountName({ user: "a", host: "h", port: 993 }));
  expect(accountName({ user: "a", host: "h", port: 1143 })).toBe("a@h:1143");
});

test("UIDs are asked for in ranges", () => {
  expect(formatUids([1])).toBe("1");
  expect(formatUids([1, 2, 3, 7, 9, 10])).toBe("1:3,7,9:10");
});
