import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { corpusLetter } from "../../../../rig/corpus.ts";
import { findLetters } from "../../../../rig/letters.ts";
import { Mutt } from "../mutt.ts";
import { LargeMailbox, LETTERS, OPENING_PATIENCE } from "./large-mailbox.ts";

let mailbox: LargeMailbox;
let running: Mutt | undefined;

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
/** The end of a subject, which mutt's patterns take as it is. */
const tag = (number: number) => `s${String(number).padStart(5, "0")}`;

test.each(["mutt", "neomutt"] as const)(
  "%s works in ten thousand letters",
  async (program) => {
    const { account } = mailbox;
    const mutt = await Mutt.start({ program, account, security: "tls", home: join(mailbox.scratch, program) });
    running = mutt;
    await mutt.untilListed(subject(0));

    // A reply and an HTML letter, shown with their own words.
    await mutt.read(tag(4_711), /w04711/);
    await mutt.read(tag(9_002), /w09002/);
    expect(await mutt.countWithText("w01234")).toBe(1);

    await mutt.flag(tag(4_001));
    await mutt.copyTo(tag(4_002), `=${FOLDER}`);
    await mutt.moveTo(tag(4_003), `=${FOLDER}`);
    await mutt.delete(tag(4_004));
    await mutt.postpone({ to: "bob@postern.alt", subject: "Not finished: Grüße", body: "Später mehr\n" });
    await mutt.open(`=${FOLDER}`, 22);
    await mutt.quit();

    const client = await mailbox.owner.imap();
    expect(await mailbox.counts(client, "INBOX")).toMatchObject({ messages: LETTERS - 2 });
    const flagged = await findLetters(client, "INBOX", subject(4_001));
    expect(flagged[0]?.flags.has("\\Flagged")).toBe(true);
    for (const number of [4_002, 4_003]) {
      const [filed] = await findLetters(client, FOLDER, subject(number));
      expect(filed?.source.equals(corpusLetter(number).raw)).toBe(true);
    }
    expect(await findLetters(client, "INBOX", subject(4_004))).toEqual([]);
    const [draft] = await findLetters(client, "Drafts", "Not finished: Grüße");
    expect(draft?.source.toString()).toContain("Später mehr");
    await client.logout();
  },
  600_000,
);
