import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { simpleParser } from "mailparser";
import { corpusLetter } from "../../../../rig/corpus.ts";
import { findLetters, formatLetter, untilLetter } from "../../../../rig/letters.ts";
import { type ListedLetter, Thunderbird } from "../thunderbird.ts";
import { countLetters, subjectOf, summaries } from "./expected.ts";
import { FOLDER, LETTERS, sharedMailbox } from "./large-mailbox.ts";

const shared = sharedMailbox();
let running: Thunderbird | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

const [READ, STARRED_THERE, MOVED] = [4_708, 5_003, 6_004];
const DELETED = 100;

const start = async () => {
  const home = join(shared.mailbox.scratch, "thunderbird");
  running = await Thunderbird.start({ account: shared.mailbox.account, security: "tls", home });
  return running;
};

/** What is listed otherwise than the corpus has it. */
function unlikeCorpus(letters: readonly ListedLetter[]): ListedLetter[] {
  const known = new Map(summaries.map((summary) => [summary.subject, summary]));
  return letters.filter(({ subject, read, starred, octets }) => {
    const summary = known.get(subject);
    return summary?.seen !== read || summary.flagged !== starred || summary.octets !== octets;
  });
}

async function append(subject: string): Promise<void> {
  await shared.client.append("INBOX", formatLetter({ From: "me@example.org", Subject: subject }, "x\r\n"));
}

test("Thunderbird works in ten thousand letters", async () => {
  const thunderbird = await start();
  const { fetched, unread, letters } = await thunderbird.listAll("Inbox", LETTERS);
  expect({ fetched, unread }).toEqual({ fetched: LETTERS, unread: countLetters(({ seen }) => !seen) });
  expect(unlikeCorpus(letters)).toEqual([]);
  expect(await thunderbird.searchOnServer("Inbox", "w01234")).toEqual([subjectOf(1_234)]);

  const shown = await thunderbird.read("Inbox", subjectOf(READ), corpusLetter(READ).word ?? "");
  const { attachments } = await simpleParser(corpusLetter(READ).raw);
  expect(shown.attachments.map(({ name }) => name)).toEqual(["Pläne für März.bin"]);
  expect(shown.attachments[0]?.content.equals(attachments[0]?.content ?? Buffer.alloc(0))).toBe(true);
  await thunderbird.star();
  await untilLetter(
    shared.client,
    "INBOX",
    subjectOf(READ),
    ({ flags }) => flags.has("\\Seen") && flags.has("\\Flagged"),
  );

  await thunderbird.read("Inbox", subjectOf(MOVED), corpusLetter(MOVED).word ?? "");
  await thunderbird.moveTo("März");
  const filed = await untilLetter(shared.client, FOLDER, subjectOf(MOVED));
  expect(filed.source.equals(corpusLetter(MOVED).raw)).toBe(true);
  expect(await findLetters(shared.client, "INBOX", subjectOf(MOVED))).toEqual([]);

  // Whether it waits in IDLE in this folder just then is its own affair: it is made to ask.
  await append("while it looks");
  await thunderbird.refresh("Inbox");
  await thunderbird.list("Inbox", "while it looks");
  const lock = await shared.client.getMailboxLock("INBOX");
  await shared.client.messageFlagsAdd({ header: { subject: subjectOf(STARRED_THERE) } }, ["\\Flagged"]);
  lock.release();
  await thunderbird.refresh("Inbox");
  await thunderbird.untilStarred("Inbox", subjectOf(STARRED_THERE));
  await thunderbird.quit();
});

test("started again it fetches what is new alone, and knows what is gone and what changed", async () => {
  const lock = await shared.client.getMailboxLock("INBOX");
  await shared.client.messageDelete(`1:${DELETED}`);
  await shared.client.messageFlagsRemove({ header: { subject: subjectOf(READ) } }, ["\\Flagged"]);
  lock.release();
  await append("while it was away");
  const thunderbird = await start();
  const { fetched, letters } = await thunderbird.listAll("Inbox", LETTERS - DELETED - 1 + 2);
  // It may have fetched the new one before the counting began.
  expect(fetched).toBeLessThanOrEqual(1);
  const changed = unlikeCorpus(letters).map(({ subject, read, starred }) => ({ subject, read, starred }));
  expect(changed).toEqual([
    { subject: subjectOf(READ), read: true, starred: false },
    { subject: subjectOf(STARRED_THERE), read: STARRED_THERE % 10 < 7, starred: true },
    { subject: "while it looks", read: false, starred: false },
    { subject: "while it was away", read: false, starred: false },
  ]);
  await thunderbird.quit();
});
