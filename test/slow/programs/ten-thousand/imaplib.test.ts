import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { corpusLetter } from "../../../../rig/corpus.ts";
import type { Security } from "../mail-account.ts";
import { programPath, run, runWell } from "../program.ts";
import { CORPUS_OCTETS, countLetters } from "./expected.ts";
import { type LargeMailbox, LETTERS, sharedMailbox } from "./large-mailbox.ts";

const SCRIPT = fileURLToPath(new URL("./imaplib_script.py", import.meta.url));

function script(mailbox: LargeMailbox, security: Security, caFile: string): Parameters<typeof run> {
  const { user, password, imap } = mailbox.account;
  const args = [SCRIPT, imap.host, String(imap.port), security, caFile, user];
  const options = { home: join(mailbox.scratch, "python"), input: `${password}\n`, patience: 180_000 };
  return [programPath("python3", "python3"), args, options];
}

describe.each<Security>(["tls", "starttls"])("over %s", (security) => {
  const shared = sharedMailbox();

  test("a script with imaplib does all that imaplib can do", async () => {
    const seen = JSON.parse(
      (await runWell(...script(shared.mailbox, security, shared.mailbox.account.caFile))).toString(),
    ) as unknown;
    const unseen = countLetters(({ seen }) => !seen);
    expect(seen).toMatchObject({
      refusal: expect.stringContaining("AUTHENTICATIONFAILED"),
      namespace: '(("" "/")) NIL NIL',
      exists: LETTERS,
      status: expect.stringContaining(`MESSAGES ${LETTERS} UNSEEN ${unseen}`),
      listed: LETTERS,
      flagsSeen: LETTERS - unseen,
      subjects: [0, 3, 4711].map((number) => corpusLetter(number).subject),
      sizes: CORPUS_OCTETS,
      octets: CORPUS_OCTETS,
      unseen,
      bySubject: "4712",
      byText: "1235",
      inUtf8: countLetters(({ subject }) => subject.includes("Grüße aus Köln")),
      flags: expect.arrayContaining(["$Work", "\\Flagged"]),
      answered: LETTERS,
      copied: expect.stringContaining("MESSAGES 1011"),
      left: expect.stringContaining(`MESSAGES ${LETTERS - 10}`),
      drafts: "Text\r\n",
      expunged: 500,
      afterDelete: "NO",
      newsByNoop: LETTERS - 10 + 1,
      bye: "BYE",
    });
  });

  test("imaplib refuses a bridge whose certificate another authority signed", async () => {
    const { status, stderr } = await run(...script(shared.mailbox, security, await shared.mailbox.foreignAuthority()));
    expect(status).not.toBe(0);
    expect(stderr).toContain("CERTIFICATE_VERIFY_FAILED");
  });
});
