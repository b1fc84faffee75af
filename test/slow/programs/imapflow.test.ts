import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { ImapFlow } from "imapflow";
import { simpleParser } from "mailparser";
import { createTransport, type Transporter } from "nodemailer";
import MailComposer from "nodemailer/lib/mail-composer/index.js";
import { findLetters, sendRaw } from "../../../rig/letters.ts";
import { TwoPeople } from "../../end-to-end/two-people.ts";
import { type MailAccount, mailAccount, type Security } from "./mail-account.ts";

let people: TwoPeople;
const open: ImapFlow[] = [];

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 60_000);

afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.logout()));
});

afterAll(async () => {
  await people?.part();
});

async function openImapFlow(account: MailAccount, security: Security): Promise<ImapFlow> {
  const client = new ImapFlow({
    ...account.imap,
    secure: security === "tls",
    doSTARTTLS: security === "starttls",
    auth: { user: account.user, pass: account.password },
    tls: { ca: readFileSync(account.caFile) },
    logger: false,
  });
  await client.connect();
  open.push(client);
  return client;
}

function openNodemailer(account: MailAccount, security: Security): Transporter {
  return createTransport({
    ...account.smtp,
    secure: security === "tls",
    requireTLS: security === "starttls",
    auth: { user: account.user, pass: account.password },
    tls: { ca: readFileSync(account.caFile) },
  });
}

test.each<Security>(["tls", "starttls"])(
  "over %s: nodemailer sends a letter with a file, imapflow is told of it in the INBOX and reads it, and a filed copy is there once",
  async (security) => {
    const subject = `Aus einem Programm, ${security}`;
    const content = randomBytes(200_000);
    const atBob = await openImapFlow(mailAccount(people.bob), security);
    await atBob.mailboxOpen("INBOX");
    const told = once(atBob, "exists", { signal: AbortSignal.timeout(60_000) });
    const idling = atBob.idle();

    const raw = await new MailComposer({
      from: people.alice.account.address,
      to: "bob@postern.alt",
      subject,
      text: "Grüße",
      attachments: [{ filename: "Maße.bin", content }],
    })
      .compile()
      .build();
    const smtp = openNodemailer(mailAccount(people.alice), security);
    await sendRaw(smtp, { from: people.alice.account.address, to: "bob@postern.alt" }, raw);
    smtp.close();

    await told;
    const [received] = await findLetters(atBob, "INBOX", subject);
    await idling;
    const { text, attachments } = await simpleParser(received?.source ?? "");
    expect(text).toBe("Grüße");
    expect(attachments.map(({ filename }) => filename)).toEqual(["Maße.bin"]);
    expect(attachments[0]?.content.equals(content)).toBe(true);

    const atAlice = await openImapFlow(mailAccount(people.alice), security);
    await atAlice.append("Sent", raw, ["\\Seen"]);
    expect(await findLetters(atAlice, "Sent", subject)).toHaveLength(1);
  },
  120_000,
);
