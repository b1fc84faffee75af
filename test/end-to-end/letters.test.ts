import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ImapFlow } from "imapflow";
import { simpleParser } from "mailparser";
import type { Transporter } from "nodemailer";
import { createMessage, generateKey, readSignature, sign, verify } from "openpgp";
import { bodyOf, fetchAll, formatLetter, headerOf, sendRaw, untilMessages } from "../../rig/letters.ts";
import { TwoPeople } from "./two-people.ts";

let people: TwoPeople;
let smtp: Transporter;
let reader: ImapFlow;
let arrived = 0;

beforeAll(async () => {
  people = await TwoPeople.meet();
  smtp = people.alice.smtp();
  reader = await people.bob.imap();
}, 60_000);

afterAll(async () => {
  smtp?.close();
  await reader?.logout();
  await people?.part();
});

const header = (subject: string, more: Record<string, string> = {}) => ({
  From: `Alice <${people.alice.account.address}>`,
  To: "bob@postern.alt",
  Subject: subject,
  Date: "Sun, 22 Nov 2026 10:00:00 +0200",
  "Message-ID": `<${randomBytes(8).toString("hex")}@laptop.local>`,
  "MIME-Version": "1.0",
  ...more,
});

/** Sends a raw letter from Alice to Bob and gives it back as Bob's mail program reads it. */
async function journey(raw: Buffer): Promise<Buffer> {
  await sendRaw(smtp, { from: people.alice.account.address, to: "bob@postern.alt" }, raw);
  await untilMessages(reader, ++arrived, 60_000);
  const lock = await reader.getMailboxLock("INBOX");
  try {
    const message = await reader.fetchOne("*", { source: true });
    if (message === false || message.source === undefined) throw new Error("no letter");
    return message.source;
  } finally {
    lock.release();
  }
}

describe("a letter's body arrives octet for octet", () => {
  const line = "0123456789".repeat(90);
  const cases: readonly [name: string, more: Record<string, string>, body: () => string | Buffer][] = [
    ["plain", { "Content-Type": "text/plain" }, () => "Hello Bob.\r\n\r\n-- \r\nAlice\r\n"],
    ["empty", {}, () => ""],
    ["with very long lines", {}, () => `${line}\r\n${"x".repeat(20_000)}\r\n`],
    ["8-bit", { "Content-Transfer-Encoding": "8bit" }, () => Buffer.from("Grüße, 你好\r\n\xff\xfe\r\n", "latin1")],
    ["with lines that begin with a dot", {}, () => ".\r\n..\r\n.hidden\r\n"],
    [
      "base64 in odd line lengths",
      {},
      () =>
        `${randomBytes(900)
          .toString("base64")
          .replace(/(.{61})/g, "$1\r\n")}\r\n`,
    ],
    [
      "with HTML and an inline picture",
      { "Content-Type": 'multipart/related; boundary="rel"' },
      () =>
        `--rel\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Gr\u00fc\u00dfe <img src="cid:pic"></p>\r\n--rel\r\nContent-Type: image/png\r\nContent-ID: <pic>\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: inline; filename="pic.png"\r\n\r\n${wrap(randomBytes(50_000))}\r\n--rel--\r\n`,
    ],
    [
      "with a message inside a message",
      { "Content-Type": 'multipart/mixed; boundary="out"' },
      () =>
        '--out\r\nContent-Type: message/rfc822\r\n\r\nFrom: eve@example.org\r\nBcc: secret@example.org\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary="in"\r\n\r\n--in\r\n\r\ninside\r\n--in--\r\n\r\n--out--\r\n',
    ],
  ];
  test.each(cases)("%s", async (name, more, body) => {
    const sent = formatLetter(header(`case ${name}`, more), body());
    const received = await journey(sent);
    const expected = bodyOf(sent);
    // SMTP ends every message with a line end.
    const wanted =
      expected.length === 0 || expected.subarray(-2).equals(Buffer.from("\r\n"))
        ? expected
        : Buffer.concat([expected, Buffer.from("\r\n")]);
    expect(bodyOf(received).equals(wanted)).toBe(true);
    expect(headerOf(received)).toContain(`Subject: case ${name}`);
  });

  test("with an attachment of 25 MB", async () => {
    const file = randomBytes(25_000_000);
    const body = `--big\r\nContent-Type: application/octet-stream; name="big.bin"\r\nContent-Transfer-Encoding: base64\r\n\r\n${wrap(file)}\r\n--big--\r\n`;
    const sent = formatLetter(header("big", { "Content-Type": 'multipart/mixed; boundary="big"' }), body);
    const received = await journey(sent);
    expect(createHash("sha256").update(bodyOf(received)).digest("hex")).toBe(
      createHash("sha256").update(bodyOf(sent)).digest("hex"),
    );
  }, 120_000);
});

test("non-ASCII subjects and names come out as they went in", async () => {
  const received = await simpleParser(
    await journey(formatLetter(header("=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln_=E2=9C=89?="), "x\r\n")),
  );
  expect(received.subject).toBe("Grüße aus Köln ✉");
});

test("From is whom the ratchet proves, under the petname; nothing else may claim a sender", async () => {
  const received = headerOf(
    await journey(
      formatLetter(
        {
          ...header("who"),
          Sender: "boss@example.org",
          "Reply-To": "eve@example.org",
          "Authentication-Results": "postern.alt; x-postern=pass",
        },
        "x\r\n",
      ),
    ),
  );
  const address = people.alice.account.address;
  expect(received.match(/^From:.*$/gim)).toEqual([expect.stringContaining(address)]);
  expect(received).toMatch(/^From: "?alice"? </im);
  expect(received.match(/^Authentication-Results:/gim)).toHaveLength(1);
  expect(received).not.toMatch(/^(Sender|Reply-To):/im);
});

test("what betrays the sender's machine is stripped: Bcc, User-Agent, Received, time zone, host names", async () => {
  const sent = header("quiet", {
    Bcc: "bob@postern.alt",
    "User-Agent": "Mutt/2.2.9",
    "X-Mailer": "Needle 1",
    Received: "from secret-host.lan",
    "X-Originating-IP": "[192.0.2.7]",
  });
  const received = headerOf(await journey(formatLetter(sent, "x\r\n")));
  for (const needle of ["Bcc", "Mutt", "Needle", "secret-host", "192.0.2.7", "laptop.local", "+0200"])
    expect(received).not.toContain(needle);
  expect(received).toMatch(/^Date: Sun, 22 Nov 2026 08:00:00 \+0000/m);
});

test("a PGP/MIME signature verifies after the journey", async () => {
  const { privateKey, publicKey } = await generateKey({ userIDs: [{ email: "alice@example.org" }], format: "object" });
  const part = "Content-Type: text/plain; charset=utf-8\r\n\r\nSigned text,  with  spaces \r\nand a second line.\r\n";
  const message = await createMessage({ binary: Buffer.from(part) });
  const signature = await sign({ message, signingKeys: privateKey, detached: true });
  const body = `--sig\r\n${part}\r\n--sig\r\nContent-Type: application/pgp-signature\r\n\r\n${signature}\r\n--sig--\r\n`;
  const type = 'multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="sig"';
  const received = bodyOf(await journey(formatLetter(header("signed", { "Content-Type": type }), body))).toString();
  const [, signed = "", proof = ""] = received.split(/(?:^|\r\n)--sig(?:--)?\r\n/);
  const verdict = await verify({
    message: await createMessage({ binary: Buffer.from(signed) }),
    signature: await readSignature({ armoredSignature: proof.slice(proof.indexOf("\r\n\r\n") + 4) }),
    verificationKeys: publicKey,
  });
  await expect(verdict.signatures[0]?.verified).resolves.toBe(true);
});

test("a letter to 200 recipients is refused recipient by recipient, and reaches the one who is a contact", async () => {
  const strangers = Array.from({ length: 199 }, (_, index) => `stranger${index}@postern.alt`);
  const info = (await smtp.sendMail({
    envelope: { from: people.alice.account.address, to: [...strangers, "bob@postern.alt"] },
    raw: formatLetter(header("many"), "x\r\n"),
  })) as unknown as { accepted: string[]; rejected: string[]; rejectedErrors: { responseCode: number }[] };
  expect(info.accepted).toEqual(["bob@postern.alt"]);
  expect(info.rejected).toHaveLength(199);
  expect(new Set(info.rejectedErrors.map(({ responseCode }) => responseCode))).toEqual(new Set([550]));
  await untilMessages(reader, ++arrived);
});

test("100 letters submitted at once over 10 connections arrive once each", async () => {
  const many = people.alice.smtp(10);
  const subjects = Array.from({ length: 100 }, (_, index) => `burst ${index}`);
  await Promise.all(
    subjects.map((subject) =>
      sendRaw(
        many,
        { from: people.alice.account.address, to: "bob@postern.alt" },
        formatLetter(header(subject), `${subject}\r\n`),
      ),
    ),
  );
  many.close();
  arrived += 100;
  await untilMessages(reader, arrived);
  const received = [...(await fetchAll(reader)).values()].map(
    (message) => /^Subject: (burst \d+)/m.exec(headerOf(message))?.[1],
  );
  expect(received.filter((subject) => subject !== undefined).sort()).toEqual(subjects.sort());
}, 60_000);

test("the sent copy is in Sent, with Bcc, once for each letter", async () => {
  const client = await people.alice.imap();
  const sent = await fetchAll(client, "Sent");
  await client.logout();
  expect(sent.size).toBe(arrived);
  expect([...sent.values()].filter((message) => /^Bcc: .*bob/m.test(headerOf(message)))).toHaveLength(1);
}, 60_000);

/** Base64 in lines of 76 characters. */
function wrap(bytes: Buffer): string {
  return bytes.toString("base64").replace(/(.{76})(?=.)/g, "$1\r\n");
}
