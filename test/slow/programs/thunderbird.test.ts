import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { simpleParser } from "mailparser";
import { findLetters, untilLetter } from "../../../rig/letters.ts";
import { TwoPeople } from "../../end-to-end/two-people.ts";
import { mailAccount, type Security } from "./mail-account.ts";
import { Thunderbird } from "./thunderbird.ts";

let people: TwoPeople;
let running: Thunderbird | undefined;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 240_000);

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

afterAll(async () => {
  await people?.part();
});

test.each<Security>(["tls", "starttls"])(
  "over %s: Thunderbird opens the INBOX, reads a letter and its file, and sends one with a file that arrives",
  async (security) => {
    const letter = { subject: `Zum Fenster hinein, ${security}`, file: randomBytes(70_000) };
    const answer = { subject: `Zum Fenster hinaus: Grüße, ${security}`, file: randomBytes(150_000) };
    const attachment = join(people.scratch, `holiday plan ü ${security}.bin`);
    writeFileSync(attachment, answer.file);
    const smtp = people.bob.smtp();
    await smtp.sendMail({
      from: people.bob.account.address,
      to: "alice@postern.alt",
      subject: letter.subject,
      text: "Was steht im Fenster? Grüße und ein €.",
      attachments: [{ filename: "Straße.bin", content: letter.file }],
    });
    smtp.close();

    const home = join(people.scratch, `thunderbird-${security}`);
    running = await Thunderbird.start({ account: mailAccount(people.alice), security, home });
    await running.list("Inbox", letter.subject);
    const shown = await running.read("Inbox", letter.subject, "Grüße und ein €");
    expect(shown.from).toMatch(/^"?bob"? </);
    expect(shown.attachments.map(({ name }) => name)).toEqual(["Straße.bin"]);
    expect(shown.attachments[0]?.content.equals(letter.file)).toBe(true);

    await running.send({
      to: "bob@postern.alt",
      subject: answer.subject,
      html: "<p>Hinaus mit <b>äöü</b> und €</p>",
      attachment,
    });
    const copies = await running.list("SentMail", answer.subject);
    expect(copies.filter((subject) => subject === answer.subject)).toHaveLength(1);
    await running.quit();

    const atBob = await people.bob.imap();
    const received = await simpleParser((await untilLetter(atBob, "INBOX", answer.subject)).source);
    await atBob.logout();
    expect(received.html).toContain("äöü");
    expect(received.attachments.map(({ filename }) => filename)).toEqual([`holiday plan ü ${security}.bin`]);
    expect(received.attachments[0]?.content.equals(answer.file)).toBe(true);

    const atAlice = await people.alice.imap();
    await untilLetter(atAlice, "INBOX", letter.subject, ({ flags }) => flags.has("\\Seen"));
    const sent = await findLetters(atAlice, "Sent", answer.subject);
    await atAlice.logout();
    expect(sent).toHaveLength(1);
    expect((await simpleParser(sent[0]?.source ?? "")).attachments[0]?.content.equals(answer.file)).toBe(true);
  },
  240_000,
);

test("Thunderbird does not take a certificate that another authority signed", async () => {
  const account = { ...mailAccount(people.alice), caFile: people.bob.account.caFile };
  const home = join(people.scratch, "thunderbird-deceived");
  await expect(Thunderbird.start({ account, security: "tls", home })).rejects.toThrow(
    "The certificate for 127.0.0.1 does not come from a trusted source.",
  );
}, 120_000);
