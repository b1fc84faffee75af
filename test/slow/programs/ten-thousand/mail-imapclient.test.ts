import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { corpusLetter } from "../../../../rig/corpus.ts";
import type { Security } from "../mail-account.ts";
import { programPath, run, runWell } from "../program.ts";
import { CORPUS_OCTETS, countLetters } from "./expected.ts";
import { LargeMailbox, LETTERS, OPENING_PATIENCE } from "./large-mailbox.ts";

const SCRIPT = fileURLToPath(new URL("./mail_imapclient.pl", import.meta.url));

let mailbox: LargeMailbox;

beforeEach(async () => {
  mailbox = await LargeMailbox.open();
}, OPENING_PATIENCE);

afterEach(async () => {
  await mailbox?.close();
});

function script(security: Security, caFile: string): Parameters<typeof run> {
  const { user, password, imap } = mailbox.account;
  const args = [SCRIPT, imap.host, String(imap.port), security, caFile, user];
  const options = { home: join(mailbox.scratch, "perl"), input: `${password}\n`, patience: 180_000 };
  return [programPath("perl", "libmail-imapclient-perl"), args, options];
}

test.each<Security>(["tls", "starttls"])(
  "over %s a script with Mail::IMAPClient does what it can do",
  async (security) => {
    const seen = JSON.parse((await runWell(...script(security, mailbox.account.caFile))).toString()) as unknown;
    const unseen = countLetters(({ seen }) => !seen);
    const { raw } = corpusLetter(4711);
    expect(seen).toMatchObject({
      refused: 1,
      authenticated: 1,
      plain: 1,
      idle: 1,
      separator: "/",
      folders: expect.arrayContaining(["INBOX", "Projects/Pr&APw-fung &- S&APY-hne"]),
      messages: LETTERS,
      unseen,
      listed: LETTERS,
      sizes: CORPUS_OCTETS,
      subjects: LETTERS,
      found: 1,
      message: raw.toString("latin1"),
      size: raw.length,
      byText: 1,
      unseenSearch: unseen,
      flags: ["\\Flagged"],
      unseenAfter: 0,
      exists: 1,
      inFolder: 1_101,
      draft: "Text\r\n",
      left: 601,
      idleNews: 1,
      more: 1,
      logout: 1,
    });
  },
);

test("Mail::IMAPClient refuses a bridge whose certificate another authority signed", async () => {
  const { status, stderr } = await run(...script("tls", await mailbox.foreignAuthority()));
  expect(status).not.toBe(0);
  expect(stderr).toContain("certificate verify failed");
});
