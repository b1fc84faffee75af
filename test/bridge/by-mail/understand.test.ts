import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { COMMAND_HELP, type MailCommand, parseCommand } from "../../../bridge/by-mail/command.ts";
import { readCommandLetter } from "../../../bridge/by-mail/command-letter.ts";
import { understand } from "../../../bridge/by-mail/understand.ts";
import type { AddressLabel } from "../../../foundation/address.ts";
import { encodeBase32 } from "../../../foundation/base32.ts";
import { formatInviteLink } from "../../../overlay-adapter/contacts/invite-link.ts";

const OWN = encodeBase32(Buffer.alloc(32, 1)) as AddressLabel;
const LINK = linkOf(2);
const ACCEPT = { kind: "accept-invite", link: LINK };

/** An invite of the identity whose label is made of this octet. */
function linkOf(inviter: number): string {
  const relay = { host: "relay.example.org", port: 4523, pin: Buffer.alloc(32, 9) };
  const label = encodeBase32(Buffer.alloc(32, inviter)) as AddressLabel;
  const secret = Buffer.from(Array.from({ length: 32 }, (_, at) => at * 7 + inviter));
  return formatInviteLink({ expiresAt: 4_000_000_000_000, secret, inviter: label, relay }, Buffer.alloc(32, inviter));
}

/** The text in lines of so many characters, each with the mark before and after it. */
function wrapped(text: string, width: number, before = "", after = ""): string {
  return (text.match(new RegExp(`.{1,${width}}`, "g")) ?? []).map((line) => `${before}${line}${after}`).join("\r\n");
}

async function said(message: string): Promise<MailCommand> {
  return understand(await readCommandLetter(Buffer.from(message)), OWN);
}

const bySubject = (subject: string, body = "") => said(`Subject: ${subject}\r\n\r\n${body}`);

test.each<[string, MailCommand]>([
  ["help", { kind: "help" }],
  ["  HELP.", { kind: "help" }],
  ["invite Bob", { kind: "invite", name: "Bob", asks: false }],
  ["invite bob ask", { kind: "invite", name: "bob", asks: true }],
  ["invite", { kind: "invite", asks: false }],
  ["accept carol", { kind: "accept", which: "carol" }],
  ["accept carol as caroline", { kind: "accept", which: "carol", name: "caroline" }],
  ["refuse carol", { kind: "refuse", which: "carol" }],
  ["pair bob", { kind: "make-code", name: "bob" }],
  ["pair 7-guitar-lemon-orbit bob", { kind: "take-code", code: "7-guitar-lemon-orbit", name: "bob" }],
  [
    "pair 7-guitar-lemon-orbit bob at postern-relay://r:1/x",
    { kind: "take-code", code: "7-guitar-lemon-orbit", name: "bob", at: "postern-relay://r:1/x" },
  ],
  ["introduce bob to carol", { kind: "introduce", one: "bob", other: "carol" }],
  ["introduce bob carol", { kind: "introduce", one: "bob", other: "carol" }],
  ["verify bob copper lantern soup velvet", { kind: "verify", name: "bob", phrase: "copper lantern soup velvet" }],
  ["rename bob to robert", { kind: "rename", name: "bob", to: "robert" }],
  ["remove bob", { kind: "remove", name: "bob" }],
])("%s", async (subject, command) => {
  expect(await bySubject(subject)).toEqual(command);
  // Without a subject the first line says it.
  expect(await bySubject("", `${subject}\r\n-- \r\nsignature\r\n`)).toEqual(command);
});

test("everything that the help names is understood", () => {
  for (const [usage] of COMMAND_HELP)
    expect([usage, parseCommand(usage.replace("FOUR WORDS", "a b c d").replace("CODE", "7-a-b-c"))?.kind]).toEqual([
      usage,
      expect.any(String),
    ]);
});

test.each(["remove", "remove bob and carol", "invite bob please and thanks", "verify bob one two", "introduce bob"])(
  "%s is no command: nothing is guessed",
  async (line) => {
    expect((await bySubject(line)).kind).toBe("unknown");
  },
);

test("a word that is misspelt gets the nearest command", async () => {
  expect(await bySubject("invit Bob")).toMatchObject({ kind: "unknown", nearest: "invite NAME" });
  expect(await bySubject("contcats")).toMatchObject({ kind: "unknown", nearest: "contacts" });
  expect(await bySubject("good morning")).toEqual({ kind: "unknown", said: "good morning" });
});

describe("an invite is found", () => {
  test.each([
    ["in the Subject", `Subject: ${LINK}\r\n\r\n`],
    ["in a folded Subject", `Subject: ${wrapped(LINK, 70, " ").trim()}\r\n\r\n`],
    ["in the text", `Subject: x\r\n\r\nHello,\r\n\r\n${LINK}\r\n\r\nGive it to nobody.\r\n`],
    ["wrapped", `Subject: x\r\n\r\n${wrapped(LINK, 60)}\r\nGive it to nobody.\r\n`],
    ["quoted and wrapped", `Subject: x\r\n\r\n${wrapped(LINK, 60, "> > ")}\r\n> > Give it to nobody.\r\n`],
    ["in angle brackets", `Subject: x\r\n\r\n<${LINK}>.\r\n`],
    [
      "in format=flowed",
      `Subject: x\r\nContent-Type: text/plain; format=flowed; delsp=yes\r\n\r\n${wrapped(LINK, 60, "", " ")}\r\nBye\r\n`,
    ],
    [
      "in quoted-printable",
      `Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${wrapped(LINK, 70, "", "=")}\r\n`,
    ],
    [
      "in base64",
      `Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\n${wrapped(Buffer.from(`see ${LINK}`).toString("base64"), 76)}\r\n`,
    ],
    [
      "in HTML",
      `Subject: x\r\nContent-Type: text/html\r\n\r\n<p>See <b>${LINK.slice(0, 50)}<wbr>${LINK.slice(50)}</b></p><p>Bye</p>\r\n`,
    ],
    ["in a link of HTML", `Subject: x\r\nContent-Type: text/html\r\n\r\n<a href="${LINK}">an invite</a>\r\n`],
    [
      "in a letter that was forwarded as an attachment",
      `Subject: Fwd: invite Bob\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee below\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: invite\r\n\r\n${LINK}\r\n--b--\r\n`,
    ],
    ["behind one's own, quoted", `Subject: Re: invite\r\n\r\n> ${linkOf(1)}\r\n> and\r\n> ${LINK}\r\n`],
  ])("%s", async (_where, message) => {
    expect(await said(message)).toEqual(ACCEPT);
  });

  test("with the name that is given beside it", async () => {
    expect(await bySubject("accept Bob", LINK)).toEqual({ ...ACCEPT, name: "Bob" });
    expect(await bySubject("Fwd: hello", `accept Bob\r\n\r\n> ${LINK}\r\n`)).toEqual({ ...ACCEPT, name: "Bob" });
  });

  test("property: however it is cut and quoted", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 40, max: 100 }),
        fc.constantFrom("", "> ", ">>> ", "| ", "  "),
        fc.constantFrom("", " "),
        async (width, before, after) => {
          const text = `Look:\r\n\r\n${wrapped(LINK, width, before, after)}\r\n${before}Good bye\r\n`;
          expect(await bySubject("", text)).toEqual(ACCEPT);
        },
      ),
      { numRuns: 30 },
    );
  });
});

test("one's own invite that is quoted is not accepted, nor is the command repeated that an answer's subject holds", async () => {
  expect((await said(`Subject: Re: invite Bob\r\n\r\nthanks\r\n> ${linkOf(1)}\r\n`)).kind).toBe("unknown");
  expect((await said("Subject: Re: remove bob\r\n\r\n")).kind).toBe("unknown");
  expect(await said("Subject: AW: invite Bob\r\n\r\ncancel Bob\r\n")).toEqual({ kind: "cancel", which: "Bob" });
});

test("what HTML quotes in a program's own way is not taken for the user's words", async () => {
  const html = (text: string) => said(`Subject: Re: verify bob\r\nContent-Type: text/html\r\n\r\n${text}`);
  expect((await html("<div>Thanks!</div><div>From: Postern</div><div>verify bob a b c d</div>")).kind).toBe("unknown");
  expect(await html("<div>freeze bob</div><div>From: Postern</div>")).toEqual({ kind: "freeze", name: "bob" });
});

test("a link of which a character is missing is told as such", async () => {
  const { kind, said: why } = (await bySubject("", LINK.slice(0, -3))) as { kind: string; said: string };
  expect(kind).toBe("unknown");
  expect(why).toContain("a character is wrong or missing");
});

test("an answer to a question confirms it, by In-Reply-To or by its Subject, unless it says no", async () => {
  const token = "a".repeat(24);
  const confirm = { kind: "confirm", token };
  const reply = `Subject: Re: Really remove bob?\r\nIn-Reply-To: <confirm-${token}@postern.alt>\r\n\r\n`;
  expect(await said(reply)).toEqual(confirm);
  expect(await said(`Subject: Re: Really remove bob? [${token}]\r\n\r\n`)).toEqual(confirm);
  expect((await said(`${reply}no, leave it\r\n`)).kind).toBe("unknown");
  expect((await said(`Subject: Fwd: Really remove bob? [${token}]\r\n\r\n`)).kind).toBe("unknown");
});

test("what a program sends by itself is seen as such", async () => {
  const automatic = async (message: string) => (await readCommandLetter(Buffer.from(message))).automatic;
  expect(await automatic("Subject: help\r\nAuto-Submitted: auto-replied (vacation)\r\n\r\n")).toBe(true);
  expect(await automatic("Subject: help\r\nAuto-Submitted: no\r\n\r\n")).toBe(false);
  expect(await automatic("Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n")).toBe(true);
});

test("a letter with a picture alone is told that pictures cannot be read", async () => {
  const message =
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n";
  expect(await said(message)).toEqual({ kind: "unknown", said: "", picture: true });
});

test("property: any letter is understood as something, in time", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 300 }), async (text) => {
      expect((await said(text)).kind).toEqual(expect.any(String));
      expect((await bySubject(`postern:${text}`, `postern:${text}`)).kind).toEqual(expect.any(String));
    }),
  );
});
