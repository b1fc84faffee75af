import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { simpleParser } from "mailparser";
import { corpusLetter } from "../../../../rig/corpus.ts";
import { findLetters } from "../../../../rig/letters.ts";
import { Alpine } from "../alpine.ts";
import type { Security } from "../mail-account.ts";
import { subjectOf, tagOf } from "./expected.ts";
import { FOLDER, LETTERS, sharedMailbox } from "./large-mailbox.ts";

let running: Alpine | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

describe.each<Security>(["tls", "starttls"])("over %s", (security) => {
  const shared = sharedMailbox();

  test("alpine works in ten thousand letters", async () => {
    const alpine = await Alpine.start({
      account: shared.mailbox.account,
      security,
      home: join(shared.mailbox.scratch, "alpine"),
    });
    running = alpine;
    // It counts letters from one, the corpus from zero.
    const jump = async (number: number) => await alpine.jump(number + 1, tagOf(number));
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

    expect((await findLetters(shared.client, "INBOX", subjectOf(4_708)))[0]?.flags.has("\\Seen")).toBe(true);
    expect((await findLetters(shared.client, "INBOX", subjectOf(4_001)))[0]?.flags.has("\\Flagged")).toBe(true);
    const [filed] = await findLetters(shared.client, FOLDER, subjectOf(4_002));
    expect(filed?.source.equals(corpusLetter(4_002).raw)).toBe(true);
    expect(await findLetters(shared.client, "INBOX", subjectOf(4_004))).toEqual([]);
    const [draft] = await findLetters(shared.client, "Drafts", "Not finished: Grüße");
    expect((await simpleParser(draft?.source ?? "")).text).toContain("Später mehr");
    expect(await shared.mailbox.counts(shared.client, "INBOX")).toMatchObject({ messages: LETTERS - 1 });
  });

  test("alpine does not take a certificate that another authority signed", async () => {
    const account = { ...shared.mailbox.account, caFile: await shared.mailbox.foreignAuthority() };
    const start = Alpine.start({ account, security, home: join(shared.mailbox.scratch, "alpine-deceived") });
    await expect(start).rejects.toThrow("alpine does not trust the certificate");
  });
});
