import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { corpusLetter } from "../../../../rig/corpus.ts";
import type { Security } from "../mail-account.ts";
import { programPath, run, runWell } from "../program.ts";
import { CORPUS_OCTETS, countLetters } from "./expected.ts";
import { LargeMailbox, LETTERS, OPENING_PATIENCE } from "./large-mailbox.ts";

const SCRIPT = fileURLToPath(new URL("./imaplib_script.py", import.meta.url));

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
  const options = { home: join(mailbox.scratch, "python"), input: `${password}\n`, patience: 180_000 };
  return [programPath("python3", "python3"), args, options];
}

test.each<Security>(["tls", "starttls"])(
  "over %s a script with imaplib does all that imaplib can do",
  async (security) => {
    const seen = JSON.parse((await runWell(...script(security, mailbox.account.caFile))).toString()) as unknown;
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
  },
);

test("imaplib refuses a bridge whose certificate another authority signed", async () => {
  const { status, stderr } = await run(...script("tls", await mailbox.foreignAuthority()));
  expect(status).not.toBe(0);
  expect(stderr).toContain("CERTIFICATE_VERIFY_FAILED");
});
