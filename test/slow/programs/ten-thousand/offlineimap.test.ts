import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ImapFlow } from "imapflow";
import { corpusLetter } from "../../../../rig/corpus.ts";
import { findLetters, formatLetter } from "../../../../rig/letters.ts";
import { Offlineimap } from "../offlineimap.ts";
import { LargeMailbox, LETTERS, OPENING_PATIENCE } from "./large-mailbox.ts";

let mailbox: LargeMailbox;
let client: ImapFlow;
let offlineimap: Offlineimap;

beforeAll(async () => {
  mailbox = await LargeMailbox.open();
  client = await mailbox.owner.imap();
  offlineimap = new Offlineimap({ account: mailbox.account, security: "tls", home: join(mailbox.scratch, "offline") });
}, OPENING_PATIENCE);

afterAll(async () => {
  await client?.logout();
  await mailbox?.close();
});

const synchronised = { status: 0 };
const tag = (number: number) => `s${String(number).padStart(5, "0")}\n`;

test("offlineimap brings ten thousand letters down", async () => {
  expect(await offlineimap.sync()).toMatchObject(synchronised);
  const messages = offlineimap.messages("INBOX");
  expect(messages).toHaveLength(LETTERS);
  // Where a multipart's parts never begin, it leaves the line ends as they came.
  const texts = new Set(messages.map(({ content }) => content.toString("latin1").replaceAll("\r\n", "\n")));
  const changed: number[] = [];
  for (let number = 0; number < LETTERS; number++)
    if (!texts.has(corpusLetter(number).raw.toString("latin1").replaceAll("\r\n", "\n"))) changed.push(number);
  expect(changed).toEqual([]);
  expect(messages.filter(({ flags }) => flags.includes("S"))).toHaveLength(0.7 * LETTERS);
  expect(offlineimap.messages("Ablage/2019/März")).toHaveLength(20);
});

test("a second run changes nothing, on neither side", async () => {
  const state = async () => ({
    local: offlineimap.fingerprint(),
    server: await client.status("INBOX", { messages: true, uidNext: true, highestModseq: true }),
  });
  const before = await state();
  expect(await offlineimap.sync()).toMatchObject(synchronised);
  expect(await state()).toEqual(before);
});

test("what changed on both sides is on both afterwards", async () => {
  offlineimap.setFlags(offlineimap.message("INBOX", tag(100)), "RS");
  rmSync(offlineimap.message("INBOX", tag(200)).path);
  offlineimap.put("INBOX", formatLetter({ From: "me@example.org", Subject: "written here" }, "here\n"));
  // The folder above is there on both sides: it cannot make both in one run (docs/quirks.md).
  offlineimap.put("Ablage/2019/Größe: neu", formatLetter({ From: "me@example.org", Subject: "filed here" }, "filed\n"));
  const lock = await client.getMailboxLock("INBOX");
  await client.messageFlagsAdd({ header: { subject: "s00100" } }, ["\\Flagged"]);
  await client.messageDelete({ header: { subject: "s00300" } });
  lock.release();
  await client.append("INBOX", formatLetter({ From: "me@example.org", Subject: "written there" }, "there\r\n"));
  expect(await offlineimap.sync()).toMatchObject(synchronised);
  expect(await offlineimap.sync()).toMatchObject(synchronised);
  expect(offlineimap.message("INBOX", tag(100)).flags).toBe("FRS");
  const [both] = await findLetters(client, "INBOX", corpusLetter(100).subject);
  expect(both?.flags).toEqual(new Set(["\\Answered", "\\Flagged", "\\Seen"]));
  expect(await findLetters(client, "INBOX", corpusLetter(200).subject)).toEqual([]);
  expect(() => offlineimap.message("INBOX", tag(300))).toThrow("0 messages");
  // Two are gone, two came, on each side.
  expect(offlineimap.messages("INBOX")).toHaveLength(LETTERS);
  expect(await mailbox.counts(client, "INBOX")).toMatchObject({ messages: LETTERS });
  expect(await mailbox.counts(client, "Ablage/2019/Größe: neu")).toMatchObject({ messages: 1 });
  for (const text of ["Subject: written here", "Subject: written there"]) offlineimap.message("INBOX", text);
});

test("offlineimap refuses a bridge whose certificate another authority signed", async () => {
  const account = { ...mailbox.account, caFile: await mailbox.foreignAuthority() };
  const deceived = new Offlineimap({ account, security: "tls", home: join(mailbox.scratch, "deceived") });
  const { status, stdout, stderr } = await deceived.sync();
  expect(status).not.toBe(0);
  expect(stdout.toString() + stderr).toContain("CERTIFICATE_VERIFY_FAILED");
});
