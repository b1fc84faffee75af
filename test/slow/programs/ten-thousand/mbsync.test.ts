import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ImapFlow } from "imapflow";
import { corpusLetter } from "../../../../rig/corpus.ts";
import { formatLetter } from "../../../../rig/letters.ts";
import { Mbsync } from "../mbsync.ts";
import { LargeMailbox, LETTERS, OPENING_PATIENCE } from "./large-mailbox.ts";

/** Folders that are made beside those of the mailbox, in tens under a hundred others. */
const MORE_FOLDERS = 1_000;

let mailbox: LargeMailbox;
let client: ImapFlow;
let mbsync: Mbsync;

beforeAll(async () => {
  mailbox = await LargeMailbox.open();
  client = await mailbox.owner.imap();
  mbsync = new Mbsync({ account: mailbox.account, security: "tls", home: join(mailbox.scratch, "mbsync") });
}, OPENING_PATIENCE);

afterAll(async () => {
  await client?.logout();
  await mailbox?.close();
});

const synchronised = { status: 0 };
const subjectOf = (number: number) => new RegExp(`^(?:Subject: .*| .*) s${String(number).padStart(5, "0")}$`, "m");

/** Local message by its number in the corpus. */
function local(number: number) {
  const found = mbsync.messages("INBOX").filter(({ content }) => subjectOf(number).test(content.toString("latin1")));
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} local messages s${number}`);
  return found[0];
}

test("mbsync brings ten thousand letters down, each octet for octet", async () => {
  expect(await mbsync.sync()).toMatchObject(synchronised);
  const messages = mbsync.messages("INBOX");
  expect(messages).toHaveLength(LETTERS);
  const texts = new Set(messages.map(({ content }) => content.toString("latin1").replace(/^X-TUID: .*\n/m, "")));
  const lost: number[] = [];
  for (let number = 0; number < LETTERS; number++)
    if (!texts.has(corpusLetter(number).raw.toString("latin1").replaceAll("\r\n", "\n"))) lost.push(number);
  expect(lost).toEqual([]);
  expect(messages.filter(({ flags }) => flags.includes("S"))).toHaveLength(0.7 * LETTERS);
}, 400_000);

test("a second run changes nothing, on neither side", async () => {
  const state = async () => ({
    local: mbsync.fingerprint(),
    server: await client.status("INBOX", { messages: true, uidNext: true, highestModseq: true }),
  });
  const before = await state();
  expect(await mbsync.sync()).toMatchObject(synchronised);
  expect(await state()).toEqual(before);
}, 200_000);

test("a conflict on both sides is settled without a loss", async () => {
  // One letter changes on both sides in different ways; another is deleted here and flagged there.
  const [both, contested] = [local(100), local(200)];
  mbsync.setFlags(both, "RS");
  mbsync.setFlags(contested, "ST");
  mbsync.put("INBOX", formatLetter({ From: "me@example.org", Subject: "written here" }, "here\n"));
  const lock = await client.getMailboxLock("INBOX");
  await client.messageFlagsAdd({ header: { subject: "s00100" } }, ["\\Flagged"]);
  await client.messageFlagsAdd({ header: { subject: "s00200" } }, ["\\Flagged"]);
  await client.messageDelete({ header: { subject: "s00300" } });
  lock.release();
  await client.append("INBOX", formatLetter({ From: "me@example.org", Subject: "written there" }, "there\r\n"));
  expect(await mbsync.sync()).toMatchObject(synchronised);
  expect(await mbsync.sync()).toMatchObject(synchronised);
  expect(local(100).flags).toBe("FRS");
  // Two are gone, two came, on each side.
  expect(mbsync.messages("INBOX")).toHaveLength(LETTERS);
  expect(await mailbox.counts(client, "INBOX")).toMatchObject({ messages: LETTERS });
  for (const text of ["Subject: written here", "Subject: written there"]) mbsync.message("INBOX", text);
}, 400_000);

test("a thousand more folders are made on the other side, and a further run is empty", async () => {
  for (let number = 0; number < MORE_FOLDERS; number++)
    await client.mailboxCreate(`Many/${Math.floor(number / 10)}/ä ${number}`);
  expect(await mbsync.sync()).toMatchObject(synchronised);
  expect(mbsync.folders().filter((name) => /^Many\/\d+\/&AOQ- \d+$/.test(name))).toHaveLength(MORE_FOLDERS);
  const before = mbsync.fingerprint();
  expect(await mbsync.sync()).toMatchObject(synchronised);
  expect(mbsync.fingerprint()).toEqual(before);
}, 400_000);
