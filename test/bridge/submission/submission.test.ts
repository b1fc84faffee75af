import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { SentCopies } from "../../../bridge/submission/sent-copies.ts";
import { createSubmissionSink } from "../../../bridge/submission/submission.ts";
import { formatAddress } from "../../../foundation/address.ts";
import { Failure } from "../../../foundation/failure.ts";
import type { SubmissionSink } from "../../../smtp-front/submission.ts";
import { SomeMail } from "../some-mail.ts";
import { NOW, someLabel } from "../somebody.ts";

let mail: SomeMail;
let sink: SubmissionSink;

beforeEach(async () => {
  mail = await SomeMail.create();
  const { db, account, maildir, overlay, commands } = mail;
  const clock = { now: () => NOW, after: () => () => undefined };
  const messageIdKey = randomBytes(32);
  const sentCopies = new SentCopies(db);
  sink = createSubmissionSink({
    db,
    account,
    maildir,
    overlay,
    commands,
    sentCopies,
    messageIdKey,
    introduces: true,
    clock,
  });
});
afterEach(() => mail.close());

const LETTER = "From: me\r\nTo: bob@postern.alt\r\nSubject: hello\r\nMessage-ID: <own@laptop>\r\n\r\nGood morning.\r\n";

async function submit(to: readonly string[], text = LETTER, fail?: Error): Promise<{ id: string }> {
  const content = (async function* () {
    for (let start = 0; start < text.length; start += 50) yield Buffer.from(text.slice(start, start + 50));
    if (fail !== undefined) throw fail;
  })();
  return await sink.submit({ from: mail.account.address, recipients: to.map((address) => ({ address })), content });
}

/** Files of messages, staged or not. */
function messageFiles(): number {
  return readdirSync(join(mail.home, "mail"), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && /\/(cur|new|tmp)$/.test(entry.parentPath),
  ).length;
}

const rows = () =>
  mail.db.sqlite.prepare("SELECT (SELECT count(*) FROM letter) + (SELECT count(*) FROM sent_copy)").pluck().get();

test("a letter to a contact is filed in Sent as read, and is on its way", async () => {
  const { id } = await submit(["bob@postern.alt"]);
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  const [sent, ...more] = await mail.messages("Sent");
  expect(more).toEqual([]);
  expect(sent?.flags).toEqual(["\\Seen"]);
  expect(sent?.text).toContain("\r\n\r\nGood morning.\r\n");
  expect(mail.overlay.enqueued).toMatchObject([{ recipients: [someLabel(1)] }]);
  expect(mail.overlay.enqueued[0]?.content.toString()).toContain("Good morning.");
  expect(mail.overlay.enqueued[0]?.content.toString()).not.toContain("laptop");
  expect(await mail.messages("INBOX")).toEqual([]);
});

test("everybody gets it once, however many of the addresses are theirs", async () => {
  await submit(["bob@postern.alt", "BOB@postern.alt", mail.bob, formatAddress("x", someLabel(1)), "vera@postern.alt"]);
  expect(mail.overlay.enqueued.map(({ recipients }) => recipients)).toEqual([[someLabel(1), someLabel(2)]]);
  expect(await mail.messages("Sent")).toHaveLength(1);
});

describe("contacts whom a letter shows to each other are introduced", () => {
  let introduced: unknown[][];
  beforeEach(() => {
    introduced = [];
    mail.overlay.meetings.introduce = ((...pair: unknown[]) => void introduced.push(pair)) as never;
  });
  const both = ["bob@postern.alt", "vera@postern.alt"];
  const letter = (header: string) => `From: me\r\n${header}Subject: hello\r\n\r\nGood morning.\r\n`;

  test("those in To and Cc, in the letter's transaction", async () => {
    await submit(both, letter(`To: Robert <bob@postern.alt>, ann@example.org\r\nCc: V: vera@postern.alt;\r\n`));
    expect(introduced).toEqual([[someLabel(1), someLabel(2), true]]);
  });

  test.each([
    ["who stands in Bcc", both, "To: bob@postern.alt\r\nBcc: vera@postern.alt\r\n"],
    ["who does not stand in the header", both, "To: bob@postern.alt\r\n"],
    ["whom the letter does not go to", ["bob@postern.alt"], "To: bob@postern.alt, vera@postern.alt\r\n"],
  ])("not %s", async (_who, to, header) => {
    await submit(to, letter(header));
    expect(introduced).toEqual([]);
  });

  test("not the many of a list", async () => {
    const names = Array.from({ length: 11 }, (_, at) => `member${at}`);
    for (const [at, petname] of names.entries())
      mail.contacts.add({ label: someLabel(10 + at), petname, state: "invited", how: "invite" });
    const addresses = names.map((name) => `${name}@postern.alt`);
    await submit(addresses, letter(`To: ${addresses.join(", ")}\r\n`));
    expect(introduced).toEqual([]);
    await submit(addresses.slice(1), letter(`To: ${addresses.slice(1).join(", ")}\r\n`));
    expect(introduced).toHaveLength(45);
  });
});

test("a letter to oneself comes into INBOX unread and does not leave the machine", async () => {
  await submit([mail.account.address]);
  expect(await mail.messages("INBOX")).toMatchObject([{ flags: [], text: expect.stringContaining("Good morning.") }]);
  expect(await mail.messages("Sent")).toHaveLength(1);
  expect(mail.overlay.enqueued).toEqual([]);
});

test("one refused recipient refuses the submission, and nothing of it is kept", async () => {
  await expect(submit(["bob@postern.alt", "ann@example.org"])).rejects.toMatchObject({ code: 550 });
  expect([messageFiles(), mail.overlay.enqueued.length]).toEqual([0, 0]);
});

test("where the folder for sent letters was deleted, it is made again", async () => {
  await mail.maildir.remove("Sent");
  await submit(["bob@postern.alt"]);
  expect(await mail.messages("Sent")).toHaveLength(1);
});

test("the sender must be oneself or nobody", async () => {
  await sink.checkSender(mail.account.address);
  await sink.checkSender(formatAddress("anything", mail.account.label));
  await sink.checkSender("");
  await expect(sink.checkSender(mail.bob)).rejects.toMatchObject({ code: 553, enhanced: "5.7.1" });
  await expect(sink.checkSender("me@example.org")).rejects.toMatchObject({ code: 553 });
  await expect(sink.checkRecipient({ address: "ann@example.org" }, "")).rejects.toMatchObject({ code: 550 });
  await sink.checkRecipient({ address: "bob@postern.alt" }, "");
});

test("the limit that is announced lets attachments of the overlay's full size through in base64, and nothing that the store would not take", () => {
  expect(sink.sizeLimit).toBeGreaterThan(mail.overlay.sizeLimit * 1.33);
  expect(sink.sizeLimit).toBeLessThanOrEqual(mail.maildir.appendLimit);
});

describe("nothing at all is kept", () => {
  afterEach(async () => {
    expect(messageFiles()).toBe(0);
    expect(rows()).toBe(0);
    expect(mail.overlay.enqueued).toEqual([]);
    expect([...(await mail.messages("Sent")), ...(await mail.messages("INBOX"))]).toEqual([]);
  });
  const everybody = () => ["bob@postern.alt", mail.account.address];

  test.each([
    ["the disk is full while it is spooled", 452, "4.3.1", new Failure("full", "the disk is full")],
    ["SQLite finds the disk full", 452, "4.3.1", Object.assign(new Error("full"), { code: "SQLITE_FULL" })],
    ["it is too large for the overlay", 552, "5.3.4", new Failure("too-big", "too large")],
    ["it cannot be spooled for now", 451, "4.3.0", new Failure("unavailable", "not now")],
  ])("where %s: %i %s", async (_why, code, enhanced, prepare) => {
    mail.overlay.failing = { prepare };
    await expect(submit(everybody())).rejects.toMatchObject({ name: "SmtpReply", code, enhanced });
  });

  test("where the transaction fails in its middle; what was spooled is discarded", async () => {
    mail.overlay.failing = { enqueue: new Failure("full", "the disk is full") };
    await expect(submit(everybody())).rejects.toMatchObject({ code: 452 });
    expect(mail.overlay.discarded).toBe(1);
  });

  test("where the mail program's connection breaks in the letter's middle", async () => {
    const broken = new Error("connection lost");
    await expect(submit(everybody(), `${LETTER}${"more\r\n".repeat(1000)}`, broken)).rejects.toBe(broken);
  });

  test("where it breaks in the header", async () => {
    const broken = new Error("connection lost");
    await expect(submit(everybody(), "Subject: x\r\n", broken)).rejects.toBe(broken);
  });
});
