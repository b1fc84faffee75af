import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { MalformedOverlayMessage } from "../../../bridge/translate/container.ts";
import { writeContainer } from "../../../bridge/translate/container-writer.ts";
import { translateIncoming } from "../../../bridge/translate/incoming.ts";
import { translateOutgoing } from "../../../bridge/translate/outgoing.ts";
import type { IncomingContext } from "../../../bridge/translate/shown-header.ts";
import { addressLabel, formatAddress } from "../../../foundation/address.ts";
import { inPieces } from "../../../foundation/content.ts";
import { headerFields } from "../../../mime/header.ts";

const address = (name: string) => formatAddress("mail", addressLabel(Buffer.from(name)));
const ANN = address("ann");
const BOB = address("bob");
const CAROL = address("carol");
const DAVE = address("dave");

const CONTEXT: IncomingContext = {
  from: { address: BOB, petname: "Bob" },
  ownAddress: ANN,
  state: "verified",
  petname: (mailbox) => (mailbox === BOB ? "Bob" : mailbox === CAROL ? "Carol ✓" : undefined),
};

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(Buffer.from(chunk));
  return Buffer.concat(all).toString("latin1");
}

async function* one(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, "latin1");
}

function receive(header: string, body = "", context: Partial<IncomingContext> = {}): Promise<string> {
  const content = writeContainer(Buffer.from(header, "latin1"), one(body));
  return collect(translateIncoming(content, { ...CONTEXT, ...context }));
}

const TOP = `Authentication-Results: postern.alt;\r\n x-postern=pass header.from=${BOB} policy.contact=verified\r\nFrom: "Bob" <${BOB}>\r\n`;

test("an honest letter is shown with this user's names", async () => {
  const message = [
    `From: "Myself" <${BOB}>`,
    `To: bob@postern.alt, x <${ANN.toUpperCase().replace("MAIL@", "ann@")}>`,
    `Cc: ${CAROL}, ${DAVE}`,
    "Subject: hello",
    "Date: Mon, 23 Nov 2026 13:00:00 +0100",
    "Message-ID: <a@laptop>",
    "In-Reply-To: <b@laptop>",
    "MIME-Version: 1.0",
    "Content-Type: text/plain",
    "",
    "body\r\n",
  ].join("\r\n");
  const letter = await translateOutgoing(one(message), {
    ownAddress: BOB,
    canonicalAddress: () => undefined,
    messageIdKey: Buffer.alloc(32),
    now: 0,
  });
  const shown = await collect(translateIncoming(inPieces(letter.overlayMessage(letter.body)), CONTEXT));
  expect(shown).toMatch(/^Authentication-Results: postern\.alt;\r\n x-postern=pass .* policy\.contact=verified\r\n/);
  expect(shown.slice(TOP.length)).toBe(
    [
      `To: ${ANN}`,
      `Cc: =?utf-8?B?${Buffer.from("Carol ✓").toString("base64")}?= <${CAROL}>,`,
      ` ${DAVE}`,
      "Date: Mon, 23 Nov 2026 12:00:00 +0000",
      `Message-ID: ${letter.messageId}`,
      shown.match(/In-Reply-To: <[a-z2-7]{32}@postern\.alt>/)?.[0] ?? "",
      "Subject: hello",
      "MIME-Version: 1.0",
      "Content-Type: text/plain",
      "",
      "body\r\n",
    ].join("\r\n"),
  );
});

const names = (message: string) => [...headerFields(Buffer.from(message, "latin1"))].map(({ name }) => name);

test("claims of another sender are kept where no program acts on them", async () => {
  const shown = await receive(
    [
      `From: "The Bank" <${CAROL}>`,
      "Sender: bank@bank.example",
      "Reply-To: thief@evil.example",
      "Return-Path: <bank@bank.example>",
      "Received: from bank.example",
      "Authentication-Results: postern.alt; x-postern=pass policy.contact=verified",
      "X-Original-From: bank@bank.example",
      "Resent-From: bank@bank.example",
      "Delivered-To: x@y",
      "Bcc: x@y",
      "List-Unsubscribe: <https://evil.example>",
      "Disposition-Notification-To: spy@evil.example",
      "",
    ].join("\r\n"),
  );
  expect(shown).toBe(
    `${TOP}${[
      `X-Claimed-From: "The Bank" <${CAROL}>`,
      "X-Claimed-Sender: bank@bank.example",
      "X-Claimed-Reply-To: thief@evil.example",
      "X-Claimed-Received: from bank.example",
      "X-Claimed-Authentication-Results: postern.alt; x-postern=pass policy.contact=verified",
      "X-Claimed-X-Original-From: bank@bank.example",
      "X-Claimed-Resent-From: bank@bank.example",
      "X-Claimed-List-Unsubscribe: <https://evil.example>",
      `Disposition-Notification-To: ${BOB}`,
    ].join("\r\n")}\r\n\r\n`,
  );
});

test("a sender or reply address that is the proven one is dropped without a word", async () => {
  expect(await receive(`From: ${BOB}\r\nSender: ${BOB}\r\nReply-To: other@${BOB.slice(5)}\r\n`)).toBe(`${TOP}\r\n`);
});

test("the user's own petname addresses cannot be named by others", async () => {
  const shown = await receive(
    `To: carol@postern.alt, "Bob" <postern@postern.alt>, Bob <${DAVE}>, x@old.example, "a b"@c.d\r\n`,
  );
  expect(shown).toBe(`${TOP}To: ${DAVE},\r\n x@old.example\r\n\r\n`);
  expect(await receive("To: carol@postern.alt\r\n")).toBe(`${TOP}To: undisclosed-recipients:;\r\n\r\n`);
});

const SMUGGLED = [
  "From : evil@x",
  "From\t: evil@x",
  "FROM: evil@x",
  "Subject: a\rFrom: evil@x",
  "Subject: a\r\rFrom: evil@x",
  "Subject: a\0\r\0From: evil@x",
  "Subject: a\n \nFrom: evil@x",
  "Subject: a\r\n \r\n\r\nFrom: evil@x",
  "Subject: a\r\n\t\r\nFrom: evil@x",
  "Subject: a\x0bFrom: evil@x",
  "Subject: a\x85From: evil@x",
  "Subject: a\x1cFrom: evil@x",
  "From\r\n : evil@x",
  " From: evil@x",
  "\r\nFrom: evil@x",
  "\0From: evil@x",
  "Fr\0om: evil@x",
  "=?utf-8?q?From?=: evil@x",
  "From evil@x",
  "F\xf2om: evil@x",
  ": From: evil@x",
  "X: y\nFrom: evil@x",
  `${"X".repeat(300)}: y\r\nFrom: evil@x`,
  "Message-ID: <a\rFrom: evil@x>",
  "Message-ID: <a@b\r\n\r\nFrom: evil@x>",
  "Date: 1 Jan 2026 00:00:00\rFrom: evil@x",
  'To: "\rFrom: evil@x" <a@b.c>',
  "Content-Type: text/plain;\r\n \r\nFrom: evil@x",
];

test.each(SMUGGLED)("a second sender cannot be smuggled in by %j", async (crafted) => {
  for (const header of [
    `${crafted}\r\n`,
    crafted,
    `Subject: x\r\n${crafted}\r\nCc: a@b.c\r\n`,
    `From: ${BOB}\r\n${crafted}\r\n`,
  ]) {
    const shown = await receive(header, "body");
    const end = shown.indexOf("\r\n\r\n");
    const head = shown.slice(0, end + 2);
    expect(shown.slice(end + 4)).toBe("body");
    // However lenient a reader takes line ends and names to be, one field is called From.
    // oxlint-disable no-control-regex
    const lenient = head
      .split(/\r\n|[\r\n\x0b\x0c\x1c-\x1e]/)
      .filter((line) => /^[\s\0]*from[\s\0]*:/i.test(line) && !/^[ \t]/.test(line));
    expect(lenient).toEqual([`From: "Bob" <${BOB}>`]);
    expect(names(head).filter((name) => name.toLowerCase() === "from")).toHaveLength(1);
    expect(head).not.toMatch(/[\0\x0b\x0c]|\r(?!\n)|(?<!\r)\n|\n[ \t]*\r/);
  }
});

test("of fields that count once, the first counts", async () => {
  const shown = await receive(
    [
      "Subject: 1",
      "Subject: 2",
      "Date: 1 Jan 2026 00:00:00 +0000",
      "Date: 2 Jan 2026 00:00:00 +0000",
      "To: a@b.c",
      "To: d@e.f",
      "Message-ID: <1@x>",
      "Message-ID: <2@x>",
      "Content-Type: text/plain",
      "Content-Type: text/html",
      "",
    ].join("\r\n"),
  );
  expect(names(shown.slice(TOP.length))).toEqual(["Subject", "Date", "To", "Message-ID", "Content-Type"]);
  expect(shown).not.toMatch(/: 2|d@e|2@x|html/);
});

test("whatever the header, there is one From and the body is untouched", async () => {
  const piece = fc.constantFrom(
    "From",
    "Subject",
    ":",
    " ",
    "\r",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "x",
    "<a@b>",
    ",",
    '"',
    "\xff",
    "To",
    "Date",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 40 }), fc.uint8Array({ maxLength: 100 }), async (pieces, octets) => {
      const body = Buffer.from(octets).toString("latin1");
      const shown = await receive(pieces.join(""), body);
      const end = shown.indexOf("\r\n\r\n");
      expect(shown.slice(end + 4)).toBe(body);
      expect(shown.slice(0, end).match(/^[ \t]*from[ \t]*:/gim)).toEqual(["From:"]);
    }),
    { numRuns: 1_000 },
  );
});

test("a header of very many fields is cut off", async () => {
  expect(names(await receive("A: b\r\n".repeat(100_000))).length).toBeLessThan(1_010);
});

test("a letter that is no overlay message is malformed; the content's own error passes through", async () => {
  await expect(collect(translateIncoming(one("From: x\r\n\r\nhello"), CONTEXT))).rejects.toThrow(
    MalformedOverlayMessage,
  );
  const aborted = new Error("altered");
  const content = (async function* () {
    yield Buffer.from("PSTM");
    throw aborted;
  })();
  await expect(collect(translateIncoming(content, CONTEXT))).rejects.toBe(aborted);
});

test("a reader that stops early ends the content", async () => {
  let ended = false;
  const content = (async function* () {
    try {
      yield* writeContainer(Buffer.from("A: b\r\n"), one("x".repeat(500_000)));
    } finally {
      ended = true;
    }
  })();
  for await (const piece of translateIncoming(content, CONTEXT)) if (piece.length > 0) break;
  expect(ended).toBe(true);
});
