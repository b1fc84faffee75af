import { createHash } from "node:crypto";
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { ContainerReader } from "../../../bridge/translate/container-reader.ts";
import { type OutgoingContext, translateOutgoing } from "../../../bridge/translate/outgoing.ts";
import { addressLabel, formatAddress } from "../../../foundation/address.ts";
import { inPieces } from "../../../foundation/content.ts";
import { Failure } from "../../../foundation/failure.ts";

const address = (name: string) => formatAddress("mail", addressLabel(Buffer.from(name)));
const ANN = address("ann");
const BOB = address("bob");
const CAROL = address("carol");

const CONTEXT: OutgoingContext = {
  ownAddress: ANN,
  canonicalAddress(mailbox) {
    if (mailbox.toLowerCase() === "bob@postern.alt" || mailbox.toLowerCase().endsWith(BOB.slice(4))) return BOB;
    return mailbox.endsWith(ANN.slice(4)) ? ANN : undefined;
  },
  messageIdKey: Buffer.alloc(32, 1),
  now: Date.UTC(2026, 10, 23, 12),
  random: (length) => Buffer.alloc(length, 9),
};

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(Buffer.from(chunk));
  return Buffer.concat(all).toString("latin1");
}

async function* cut(text: string, piece = 50): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
}

async function translate(message: string, context: Partial<OutgoingContext> = {}, piece?: number) {
  const letter = await translateOutgoing(cut(message, piece), { ...CONTEXT, ...context });
  const body = await collect(inPieces(letter.body));
  const reader = new ContainerReader(inPieces(letter.overlayMessage(cut(body))));
  const wire = (await reader.header()).toString("latin1");
  expect(await collect(reader.body())).toBe(body);
  // A letter that is there whole becomes the very same one.
  const whole = await translateOutgoing(Buffer.from(message, "latin1"), { ...CONTEXT, ...context });
  expect(await collect(inPieces(whole.body))).toBe(body);
  expect(await collect(inPieces(whole.overlayMessage(whole.body)))).toBe(
    await collect(inPieces(letter.overlayMessage(cut(body)))),
  );
  expect([whole.sentHeader, whole.selfHeader]).toEqual([letter.sentHeader, letter.selfHeader]);
  return {
    ...letter,
    body,
    wire,
    sent: letter.sentHeader.toString("latin1"),
    self: letter.selfHeader.toString("latin1"),
  };
}

const lines = (...text: string[]) => text.join("\r\n");

const TYPICAL = lines(
  `From: "Ann Lee" <${ANN}>`,
  "To: Bobby <bob@postern.alt>, Old Friend <friend@old.example>",
  `Cc: ${CAROL.replace("mail@", "carol.private@")}`,
  "Bcc: Secret <bob@postern.alt>",
  "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
  " folded",
  "Date: Mon, 23 Nov 2026 13:00:00 +0100",
  "Message-ID: <20261123.abc@laptop.home>",
  "User-Agent: Mutt/2.2 (on laptop.home)",
  "X-Mailer: Secret 1.0",
  "X-Mozilla-Draft-Info: internal/draft",
  "Received: from laptop.home by laptop.home",
  "X-Originating-IP: [192.0.2.1]",
  "Reply-To: ann@old.example",
  "Organization: Home",
  "Autocrypt: addr=ann@old.example; keydata=QQ",
  "MIME-Version: 1.0 (Secret Mail 16.0)",
  "Content-Type: text/plain; charset=utf-8",
  "",
  "Hi",
  "",
);

test("the header that travels holds what the recipient may know, and nothing else", async () => {
  const { wire, body, messageId, originalMessageId } = await translate(TYPICAL);
  expect(messageId).toMatch(/^<[a-z2-7]{32}@postern\.alt>$/);
  expect(originalMessageId).toBe("<20261123.abc@laptop.home>");
  expect(body).toBe("Hi\r\n");
  expect(wire).toBe(
    lines(
      `From: ${ANN}`,
      `To: ${BOB}`,
      `Cc: ${CAROL}`,
      "Date: Mon, 23 Nov 2026 12:00:00 +0000",
      `Message-ID: ${messageId}`,
      "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
      " folded",
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8",
      "",
    ),
  );
});

test("the sent copy is as the user wrote it, with the id that went out and full addresses for petnames", async () => {
  const { sent, messageId } = await translate(TYPICAL);
  expect(sent).toBe(
    `${TYPICAL.slice(0, TYPICAL.indexOf("\r\n\r\n"))}\r\n\r\n`
      .replace("<20261123.abc@laptop.home>", messageId)
      .replace(
        "To: Bobby <bob@postern.alt>, Old Friend <friend@old.example>",
        `To: "Bobby" <${BOB}>,\r\n "Old Friend" <friend@old.example>`,
      )
      .replace("Bcc: Secret <bob@postern.alt>", `Bcc: "Secret" <${BOB}>`),
  );
});

test("the copy to oneself has no Bcc and says where it is from", async () => {
  const { self } = await translate(lines("Authentication-Results: postern.alt; x=pass", TYPICAL));
  expect(self).toMatch(
    /^Authentication-Results: postern\.alt;\r\n x-postern=pass .*policy\.contact=self\r\nFrom: "Ann Lee"/,
  );
  expect(self).not.toMatch(/Bcc|; x=pass/);
});

test("a petname is the display name in the sent copy where the user typed no other", async () => {
  const { sent } = await translate(lines("To: bob@postern.alt", "", ""));
  expect(sent).toContain(`To: "bob" <${BOB}>\r\n`);
});

test("an id goes out the same each time, and threads name what went out", async () => {
  const first = await translate(lines("Message-ID: <a@host>", "", ""));
  const reply = await translate(
    lines("Message-ID: <b@host>", "In-Reply-To: <a@host>", "References: <a@host>", ` ${first.messageId}`, "", ""),
  );
  for (const header of [reply.wire, reply.sent]) {
    expect(header).toContain(`In-Reply-To: ${first.messageId}\r\n`);
    expect(header).toContain(`References: ${first.messageId}\r\n ${first.messageId}\r\n`);
    expect(header).not.toContain("@host");
  }
  const other = await translate(lines("Message-ID: <a@host>", "", ""), { messageIdKey: Buffer.alloc(32, 2) });
  expect(other.messageId).not.toBe(first.messageId);
});

test("ids that were not made here can be left as they are", async () => {
  const { wire } = await translate(lines("In-Reply-To: <theirs@old.example>", "References: <mine@host>", "", ""), {
    isOwnMessageId: (id) => id.endsWith("@host"),
  });
  expect(wire).toContain("In-Reply-To: <theirs@old.example>\r\n");
  expect(wire).not.toContain("mine@host");
});

test("an id that has the outgoing form stays", async () => {
  const id = `<${"a2".repeat(16)}@postern.alt>`;
  expect((await translate(lines(`Message-ID: ${id}`, "", ""))).messageId).toBe(id);
  expect((await translate(lines("Message-ID: <laptop.home.1@postern.alt>", "", ""))).messageId).not.toContain("laptop");
});

test("what is missing is added", async () => {
  const { sent, wire, messageId, originalMessageId } = await translate("\r\nhello");
  expect(originalMessageId).toBeUndefined();
  expect(sent).toBe(lines(`From: ${ANN}`, "Date: Mon, 23 Nov 2026 12:00:00 +0000", `Message-ID: ${messageId}`, "", ""));
  expect(wire).toBe(
    lines(
      `From: ${ANN}`,
      "To: undisclosed-recipients:;",
      "Date: Mon, 23 Nov 2026 12:00:00 +0000",
      `Message-ID: ${messageId}`,
      "",
    ),
  );
});

test.each([
  ["an empty message", "", ""],
  ["text without a header", "hello world\r\nmore\r\n", "hello world\r\nmore\r\n"],
  ["a header that runs into text", "Subject: x\r\nhello world\r\n", "hello world\r\n"],
  ["a header without an end", "Subject: x", ""],
  ["bare line feeds", "Subject: x\n\nbody\n", "body\n"],
  ["an mbox line", "From ann Mon Jan 1\r\nSubject: x\r\n\r\nbody", "body"],
  ["a body that begins with an empty line", "A: b\r\n\r\n\r\nx", "\r\nx"],
  ["NUL and octets above 127", "A: b\r\n\r\n\0\xff\r", "\0\xff\r"],
])("%s is cut into header and body in the one right place", async (_what, message, body) => {
  for (const piece of [1, 3, 1_000]) expect((await translate(message, {}, piece)).body).toBe(body);
});

test("any body goes through untouched", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), fc.integer({ min: 1, max: 100 }), async (octets, piece) => {
      const body = Buffer.from(octets).toString("latin1");
      expect((await translate(`Subject: x\r\n\r\n${body}`, {}, piece)).body).toBe(body);
    }),
  );
});

test("nothing of the header survives that could end it early", async () => {
  const { wire, sent } = await translate("Subject: a\0b\rBcc: x\r\n \t\r\n more\r\nTo: x\r\n\r\nbody");
  for (const header of [wire, sent]) {
    expect(header).toContain("Subject: a b Bcc: x\r\n more\r\n");
    // oxlint-disable-next-line no-control-regex
    expect(header).not.toMatch(/\0|\r(?!\n)|\n[ \t]*\r?\n./);
  }
});

test("a header above the limit is refused", async () => {
  await expect(translate(`Subject: ${"x".repeat(1_100_000)}\r\n\r\n`, {}, 65_536)).rejects.toMatchObject({
    code: "invalid",
  });
  await expect(translate(`${"A: b\r\n".repeat(200_000)}\r\n`, {}, 65_536)).rejects.toThrow(Failure);
  await expect(translate("x".repeat(2_000_000), {}, 65_536)).rejects.toThrow(Failure);
});

test("a signed part is not touched by one octet", async () => {
  const signed = lines(
    "--b",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    Buffer.from("trailing blanks \t\n".repeat(50)).toString("base64").replace(/.{76}/g, "$&\r\n"),
    "--b",
    "Content-Type: application/pgp-signature",
    "",
    "-----BEGIN PGP SIGNATURE-----",
    "",
    "iQ==  ",
    "=AAAA",
    "-----END PGP SIGNATURE-----",
    "--b--",
  );
  const { body } = await translate(lines("Content-Type: multipart/signed; boundary=b", "", signed));
  expect(createHash("sha256").update(body).digest()).toEqual(createHash("sha256").update(signed).digest());
});
