import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { simpleParser } from "mailparser";
import { MailCommands } from "../../../bridge/by-mail/mail-commands.ts";
import { SentCopies } from "../../../bridge/submission/sent-copies.ts";
import { createSubmissionSink } from "../../../bridge/submission/submission.ts";
import { formatAddress } from "../../../foundation/address.ts";
import { systemClock } from "../../../foundation/clock.ts";
import { Failure } from "../../../foundation/failure.ts";
import { silentLogger } from "../../../foundation/logger.ts";
import type { NewInvite } from "../../../overlay-adapter/overlay.ts";
import { SomeMail } from "../some-mail.ts";
import { someLabel } from "../somebody.ts";

const BRIDGE = "postern@postern.alt";
const LINK = `postern:${"A".repeat(170)}`;

let mail: SomeMail;
let commands: MailCommands;
let letters = 0;

beforeEach(async () => {
  mail = await SomeMail.create();
  commands = mail.commands;
  commands.start();
});

afterEach(() => mail.close());

/** As after a new start of the program. */
async function restart(): Promise<void> {
  commands.stop();
  await commands.settled();
  const { db, account, contacts, maildir, overlay } = mail;
  const [clock, logger, random] = [systemClock, silentLogger, randomBytes];
  commands = new MailCommands({ db, account, contacts, maildir, overlay, clock, logger, random });
  commands.start();
  await commands.settled();
}

interface Extra {
  readonly header?: string;
  readonly body?: string;
  readonly to?: readonly string[];
  readonly from?: string;
}

/** Submits a letter with this Subject and resolves when it is answered. */
async function say(subject: string, { header, body = "", to = [BRIDGE], from = mail.account.address }: Extra = {}) {
  const { db, account, maildir, overlay } = mail;
  const sentCopies = new SentCopies(db);
  const clock = systemClock;
  const sink = createSubmissionSink({
    db,
    account,
    maildir,
    overlay,
    commands,
    sentCopies,
    messageIdKey: Buffer.alloc(32, 5),
    introduces: true,
    clock,
  });
  const id = `Message-ID: <${++letters}@laptop>\r\n`;
  const message = `From: me\r\nTo: ${BRIDGE}\r\nSubject: ${subject}\r\n${header ?? id}\r\n${body}`;
  const content = (async function* () {
    yield Buffer.from(message);
  })();
  await sink.submit({ from, recipients: to.map((address) => ({ address })), content });
  await commands.settled();
}

const answers = async () => (await mail.messages("INBOX")).map(({ text }) => text);

test("help is answered by a letter of the bridge's own that follows the command in its thread, and nothing leaves", async () => {
  await say("help");
  const [text = "", ...more] = await answers();
  expect(more).toEqual([]);
  const parsed = await simpleParser(text);
  expect(parsed.from?.value[0]).toEqual({ address: BRIDGE, name: "Postern" });
  expect(parsed.subject).toBe("Re: help");
  expect(parsed.headers.get("auto-submitted")).toBe("auto-replied");
  const [sent] = await mail.messages("Sent");
  const copy = await simpleParser(sent?.text ?? "");
  expect(parsed.inReplyTo).toBe(copy.messageId);
  expect(parsed.references).toContain(copy.messageId);
  expect(parsed.text).toContain("introduce ONE OTHER");
  expect(mail.overlay.enqueued).toEqual([]);
});

test("an invite is answered with its link as text and as a picture, and the relay's delay is told", async () => {
  let made: NewInvite | undefined;
  mail.overlay.createInvite = (async (invite: NewInvite) => {
    made = invite;
    mail.db.transaction(() => invite.alongside?.({ id: "1", link: LINK }));
    return { id: "1", link: LINK, ready: true };
  }) as never;
  await say("invite Bob");
  expect(made).toMatchObject({ name: "Bob", asks: false });
  const { text, attachments } = await simpleParser((await answers())[0] ?? "");
  expect(text).toContain(LINK);
  expect(text).not.toContain("cannot be reached");
  expect(attachments).toMatchObject([{ contentType: "image/png", contentDisposition: "inline" }]);
  expect(attachments[0]?.content.subarray(1, 4).toString()).toBe("PNG");
});

test("the same letter again is taken, and neither done nor filed again: by its Message-ID, or, without one, by its octets", async () => {
  await say("help", { header: "Message-ID: <same@laptop>\r\n" });
  await say("help", { header: "Message-ID: <same@laptop>\r\n" });
  await restart();
  await say("help", { header: "Message-ID: <same@laptop>\r\n" });
  expect([(await answers()).length, (await mail.messages("Sent")).length]).toEqual([1, 1]);
  await say("help", { header: "Date: Mon, 23 Nov 2026 09:05:07 +0000\r\n" });
  await say("help", { header: "Date: Mon, 23 Nov 2026 09:05:07 +0000\r\n" });
  expect([(await answers()).length, (await mail.messages("Sent")).length]).toEqual([2, 2]);
});

test("a command that was taken before the end is answered after the next start", async () => {
  commands.stop();
  await say("contacts");
  expect(await answers()).toEqual([]);
  await restart();
  expect((await answers())[0]).toContain("bob ");
});

test("what was done before the end is not done again, although its answer was not filed", async () => {
  let offers = 0;
  mail.overlay.meetings.introduce = (() => void offers++) as never;
  const insert = mail.maildir.insert.bind(mail.maildir);
  const inbox = mail.maildir.mailbox("INBOX")?.id;
  mail.maildir.insert = (mailboxId, ...rest) => {
    if (mailboxId === inbox) throw new Failure("full", "the disk is full");
    return insert(mailboxId, ...rest);
  };
  await say("introduce bob vera");
  mail.maildir.insert = insert;
  expect([offers, await answers()]).toEqual([1, []]);
  await restart();
  expect(offers).toBe(1);
  expect((await answers())[0]).toContain("bob and vera are asked");
});

test("remove and block ask first; a reply does it once, and only for the contact that was meant", async () => {
  const removed: string[] = [];
  mail.overlay.removeContact = (async (label: string) => void removed.push(label)) as never;
  await say("remove bob");
  expect(removed).toEqual([]);
  expect(mail.contacts.byPetname("bob")).toBeDefined();
  const question = await simpleParser((await answers())[0] ?? "");
  expect(question.subject).toMatch(/^Really remove bob\? \[[a-z2-7]{24}\]$/);
  // Somebody else is called bob by now.
  mail.contacts.rename(someLabel(1), "robert");
  mail.contacts.rename(someLabel(2), "bob");
  const reply = (id: string) => ({ header: `Message-ID: <${id}@laptop>\r\nIn-Reply-To: ${question.messageId}\r\n` });
  await say(`Re: ${question.subject}`, reply("yes"));
  expect(removed).toEqual([someLabel(1)]);
  expect(mail.contacts.byLabel(someLabel(1))).toBeUndefined();
  expect(mail.contacts.byPetname("bob")?.label).toBe(someLabel(2));
  await say(`Re: ${question.subject}`, reply("again"));
  expect(removed).toHaveLength(1);
  expect((await answers()).at(-1)).toContain("answered before");
});

test("what cannot be done is answered with the reason, what is not understood with the nearest command and the help", async () => {
  await say("freeze nobody");
  await say("contcats");
  const [failed = "", unknown = ""] = await answers();
  expect(failed).toContain('That did not work: there is no contact "nobody"');
  expect(unknown).toContain("Did you mean: contacts");
  expect(unknown).toContain("invite NAME ask");
});

test("a mistake of the bridge's own is answered too, and the next command is carried out", async () => {
  mail.overlay.createInvite = async () => {
    throw new TypeError("a bug");
  };
  await say("invite bob");
  await say("help");
  const [mistake = "", help = ""] = await answers();
  expect(mistake).toContain("made a mistake");
  expect(help).toContain("introduce ONE OTHER");
});

test("a letter to the bridge and to others is refused as a whole, and nothing of it is kept", async () => {
  const refusal = { name: "SmtpReply", code: 550, enhanced: "5.7.1" };
  await expect(say("invite Bob", { to: [BRIDGE, "bob@postern.alt"] })).rejects.toMatchObject(refusal);
  await expect(say("invite Bob", { to: [mail.account.address, BRIDGE] })).rejects.toMatchObject(refusal);
  expect([await answers(), await mail.messages("Sent"), mail.overlay.enqueued]).toEqual([[], [], []]);
});

test("what a program sends by itself is filed, but neither obeyed nor answered (RFC 3834 section 2)", async () => {
  await say("help", { header: "Auto-Submitted: auto-replied\r\n" });
  await say("help", { from: "" });
  expect(await answers()).toEqual([]);
  expect(await mail.messages("Sent")).toHaveLength(2);
});

test("more commands than anybody writes are put off", async () => {
  commands.stop();
  for (let count = 0; count < 64; count++) await say("help");
  await expect(say("help")).rejects.toMatchObject({ code: 452, enhanced: "4.3.1" });
});

test("a subject that is a secret, or not ASCII, is not repeated in the answer's", async () => {
  await say(LINK);
  await say("größe");
  const subjects = await Promise.all((await answers()).map(async (text) => (await simpleParser(text)).subject));
  expect(subjects).toEqual(["Re: your letter to the bridge", "Re: your letter to the bridge"]);
  expect(formatAddress("mail", someLabel(1))).toBe(mail.bob);
});
