import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { corpusLetter } from "../../../../rig/corpus.ts";
import type { Security } from "../mail-account.ts";
import { programPath, run, runWell } from "../program.ts";
import { CORPUS_OCTETS, countLetters } from "./expected.ts";
import { type LargeMailbox, LETTERS, sharedMailbox } from "./large-mailbox.ts";

const SCRIPT = fileURLToPath(new URL("./mail_imapclient.pl", import.meta.url));

function script(mailbox: LargeMailbox, security: Security, caFile: string): Parameters<typeof run> {
  const { user, password, imap } = mailbox.account;
  const args = [SCRIPT, imap.host, String(imap.port), security, caFile, user];
  const options = { home: join(mailbox.scratch, "perl"), input: `${password}\n`, patience: 180_000 };
  return [programPath("perl", "libmail-imapclient-perl"), args, options];
}

describe.each<Security>(["tls", "starttls"])("over %s", (security) => {
  const shared = sharedMailbox();

  test("a script with Mail::IMAPClient does what it can do", async () => {
    const seen = JSON.parse(
      (await runWell(...script(shared.mailbox, security, shared.mailbox.account.caFile))).toString(),
    ) as unknown;
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
  });

  test("Mail::IMAPClient refuses a bridge whose certificate another authority signed", async () => {
    const { status, stderr } = await run(...script(shared.mailbox, security, await shared.mailbox.foreignAuthority()));
    expect(status).not.toBe(0);
    expect(stderr).toContain("certificate verify failed");
  });
});
