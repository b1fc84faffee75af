import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { corpusLetter } from "../../../../rig/corpus.ts";
import { findLetters, formatLetter } from "../../../../rig/letters.ts";
import type { Security } from "../mail-account.ts";
import { programPath, runWell } from "../program.ts";
import { CORPUS_OCTETS, countLetters, subjectOf } from "./expected.ts";
import { FOLDER, LETTERS, sharedMailbox } from "./large-mailbox.ts";

const SCRIPT = fileURLToPath(new URL("./evolution_script.py", import.meta.url));
/** Numbers of letters that the script takes by their UIDs, which are one higher. */
const [READ, STARRED_THERE, MOVED] = [4_708, 5_003, 6_004];
const DELETED = 100;

const shared = sharedMailbox();

async function evolution(security: Security, run: "first" | "again"): Promise<unknown> {
  const { user, password, imap, caFile } = shared.mailbox.account;
  const home = join(shared.mailbox.scratch, "evolution");
  const args = [SCRIPT, imap.host, String(imap.port), security, caFile, user, home, run];
  const options = { home, input: `${password}\n`, patience: 240_000 };
  return JSON.parse((await runWell(programPath("python3", "python3"), args, options)).toString());
}

test("over tls Evolution's library works in ten thousand letters, and is told of what others do", async () => {
  expect(await evolution("tls", "first")).toEqual({
    before: 0,
    messages: LETTERS,
    octets: CORPUS_OCTETS,
    seen: countLetters(({ seen }) => seen),
    flagged: countLetters(({ flagged }) => flagged),
    subjects: [0, READ, 9_949].map(subjectOf),
    byText: ["1235"],
    attachment: "Pläne für März.bin",
    kept: corpusLetter(READ).raw.toString("latin1"),
    moved: [LETTERS - 1, 21],
  });
  const flags = async (number: number) => (await findLetters(shared.client, "INBOX", subjectOf(number)))[0]?.flags;
  expect(await flags(READ)).toEqual(new Set(["\\Seen", "\\Flagged"]));
  expect(await flags(STARRED_THERE)).toContain("\\Flagged");
  expect(await findLetters(shared.client, "INBOX", subjectOf(MOVED))).toEqual([]);
  const [filed] = await findLetters(shared.client, FOLDER, subjectOf(MOVED));
  expect(filed?.source.equals(corpusLetter(MOVED).raw)).toBe(true);
});

test("over starttls it fetches what is new alone, and knows what is gone and what changed", async () => {
  const lock = await shared.client.getMailboxLock("INBOX");
  await shared.client.messageDelete(`1:${DELETED}`);
  await shared.client.messageFlagsRemove({ header: { subject: subjectOf(READ) } }, ["\\Flagged"]);
  lock.release();
  await shared.client.append("INBOX", formatLetter({ From: "me@example.org", Subject: "while it was away" }, "x\r\n"));
  // Of what it kept, the moved letter is gone, and the one that came while it looked is there.
  expect(await evolution("starttls", "again")).toEqual({
    before: LETTERS,
    messages: LETTERS - DELETED + 1,
    new: ["while it was away"],
    starred: false,
    first: String(DELETED + 1),
  });
});
