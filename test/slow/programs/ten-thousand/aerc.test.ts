import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { simpleParser } from "mailparser";
import { corpusLetter } from "../../../../rig/corpus.ts";
import { findLetters } from "../../../../rig/letters.ts";
import { Aerc } from "../aerc.ts";
import type { Security } from "../mail-account.ts";
import { LargeMailbox, LETTERS, OPENING_PATIENCE } from "./large-mailbox.ts";

let mailbox: LargeMailbox;
let running: Aerc | undefined;

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

test.each<Security>(["tls", "starttls"])("over %s aerc works in ten thousand letters", async (security) => {
  const { account } = mailbox;
  const aerc = await Aerc.start({ account, security, home: join(mailbox.scratch, "aerc") });
  running = aerc;
  // The newest come first.
  await aerc.untilShown(new RegExp(tag(LETTERS - 1)));

  // By a search of texts on the server, and one of headers.
  await aerc.read("-b w01234", subject(1_234), /w01234/);
  await aerc.read(tag(4_717), subject(4_717), /w04717/);
  const on = async (number: number, command: string, done: RegExp) =>
    await aerc.onOne(tag(number), subject(number), command, done);
  await on(4_001, "flag -x Flagged", /Setting flag 'flagged' successful/);
  await on(5_002, `copy '${FOLDER}'`, /Messages copied\./);
  await on(6_003, `move '${FOLDER}'`, /Messages moved to/);
  await on(7_004, "delete", /Messages deleted\./);
  await aerc.write({ to: "bob@postern.alt", subject: "Not finished: Grüße", body: "Später mehr\n" }, "postpone");
  await aerc.write({ to: account.address, subject: "To myself: Grüße", body: "Nicht vergessen\n" }, "send");
  await aerc.goToNewest();
  await aerc.untilShown(/To myself: Grüße/);
  await aerc.open(FOLDER, tag(10_079));
  await aerc.quit();

  const client = await mailbox.owner.imap();
  expect((await findLetters(client, "INBOX", subject(4_717)))[0]?.flags.has("\\Seen")).toBe(true);
  expect((await findLetters(client, "INBOX", subject(4_001)))[0]?.flags.has("\\Flagged")).toBe(true);
  for (const number of [5_002, 6_003]) {
    const [filed] = await findLetters(client, FOLDER, subject(number));
    expect(filed?.source.equals(corpusLetter(number).raw)).toBe(true);
  }
  expect(await findLetters(client, "INBOX", subject(7_004))).toEqual([]);
  const [draft] = await findLetters(client, "Drafts", "Not finished: Grüße");
  expect((await simpleParser(draft?.source ?? "")).text).toContain("Später mehr");
  expect(await findLetters(client, "Sent", "To myself: Grüße")).toHaveLength(1);
  // Two went, one came.
  expect(await mailbox.counts(client, "INBOX")).toMatchObject({ messages: LETTERS - 2 + 1 });
  await client.logout();
});

test("aerc does not take a certificate that another authority signed", async () => {
  const account = { ...mailbox.account, caFile: await mailbox.foreignAuthority() };
  const start = Aerc.start({ account, security: "tls", home: join(mailbox.scratch, "aerc-deceived") });
  await expect(start).rejects.toThrow("x509: certificate signed by unknown authority");
});
