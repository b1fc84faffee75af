import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { corpusLetter } from "../../../../rig/corpus.ts";
import { findLetters } from "../../../../rig/letters.ts";
import { Mutt } from "../mutt.ts";
import { subjectOf, tagOf } from "./expected.ts";
import { FOLDER, LETTERS, sharedMailbox } from "./large-mailbox.ts";

let running: Mutt | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

describe.each(["mutt", "neomutt"] as const)("%s", (program) => {
  const shared = sharedMailbox();

  test("works in ten thousand letters", async () => {
    const { account } = shared.mailbox;
    const mutt = await Mutt.start({ program, account, security: "tls", home: join(shared.mailbox.scratch, program) });
    running = mutt;
    await mutt.untilListed(subjectOf(0));

    // A reply and an HTML letter, shown with their own words.
    await mutt.read(tagOf(4_711), /w04711/);
    await mutt.read(tagOf(9_002), /w09002/);
    expect(await mutt.countWithText("w01234")).toBe(1);

    await mutt.flag(tagOf(4_001));
    await mutt.copyTo(tagOf(4_002), `=${FOLDER}`);
    await mutt.moveTo(tagOf(4_003), `=${FOLDER}`);
    await mutt.delete(tagOf(4_004));
    await mutt.postpone({ to: "bob@postern.alt", subject: "Not finished: Grüße", body: "Später mehr\n" });
    await mutt.open(`=${FOLDER}`, 22);
    await mutt.quit();

    expect(await shared.mailbox.counts(shared.client, "INBOX")).toMatchObject({ messages: LETTERS - 2 });
    const flagged = await findLetters(shared.client, "INBOX", subjectOf(4_001));
    expect(flagged[0]?.flags.has("\\Flagged")).toBe(true);
    for (const number of [4_002, 4_003]) {
      const [filed] = await findLetters(shared.client, FOLDER, subjectOf(number));
      expect(filed?.source.equals(corpusLetter(number).raw)).toBe(true);
    }
    expect(await findLetters(shared.client, "INBOX", subjectOf(4_004))).toEqual([]);
    const [draft] = await findLetters(shared.client, "Drafts", "Not finished: Grüße");
    expect(draft?.source.toString()).toContain("Später mehr");
  }, 600_000);
});
