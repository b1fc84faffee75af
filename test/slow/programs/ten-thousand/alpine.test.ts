import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { simpleParser } from "mailparser";
import { corpusLetter } from "../../../../rig/corpus.ts";
import { findLetters } from "../../../../rig/letters.ts";
import { Alpine } from "../alpine.ts";
import type { Security } from "../mail-account.ts";
import { LargeMailbox, LETTERS, OPENING_PATIENCE } from "./large-mailbox.ts";

let mailbox: LargeMailbox;
let running: Alpine | undefined;

beforeEach(async () => {
  mailbox = await LargeMailbox.open();
}, OPENING_PATIENCE);

afterEach(async () => {
  await running?.stop();
  running = undefined;
  await mailbox?.close();
});

const FOLDER = "Ablage/2019/März";
const subject = (number: number) => corpusLetter(number).subject;
/** The end of a subject, which no other has. */
const tag = (number: number) => `s${String(number).padStart(5, "0")}`;

test.each<Security>(["tls", "starttls"])("over %s alpine works in ten thousand letters", async (security) => {
  const alpine = await Alpine.start({ account: mailbox.account, security, home: join(mailbox.scratch, "alpine") });
  running = alpine;
  // It counts letters from one, the corpus from zero.
  const jump = async (number: number) => await alpine.jump(number + 1, tag(number));
  await jump(LETTERS - 1);
  // A letter whose own word is on its first page: what it quotes follows.
  await jump(4_708);
  await alpine.read(/w04708/);
  expect(await alpine.countWithText("w01234")).toBe(1);
  await jump(4_001);
  await alpine.flag();
  await jump(4_002);
  await alpine.copyTo(FOLDER);
  await jump(4_004);
  await alpine.delete();
  await alpine.postpone({ to: "bob@postern.alt", subject: "Not finished: Grüße", body: "Später mehr" });
  await alpine.quit();

  const client = await mailbox.owner.imap();
  expect((await findLetters(client, "INBOX", subject(4_708)))[0]?.flags.has("\\Seen")).toBe(true);
  expect((await findLetters(client, "INBOX", subject(4_001)))[0]?.flags.has("\\Flagged")).toBe(true);
  const [filed] = await findLetters(client, FOLDER, subject(4_002));
  expect(filed?.source.equals(corpusLetter(4_002).raw)).toBe(true);
  expect(await findLetters(client, "INBOX", subject(4_004))).toEqual([]);
  const [draft] = await findLetters(client, "Drafts", "Not finished: Grüße");
  expect((await simpleParser(draft?.source ?? "")).text).toContain("Später mehr");
  expect(await mailbox.counts(client, "INBOX")).toMatchObject({ messages: LETTERS - 1 });
  await client.logout();
});

test("alpine does not take a certificate that another authority signed", async () => {
  const account = { ...mailbox.account, caFile: await mailbox.foreignAuthority() };
  const start = Alpine.start({ account, security: "tls", home: join(mailbox.scratch, "alpine-deceived") });
  await expect(start).rejects.toThrow("alpine does not trust the certificate");
});
