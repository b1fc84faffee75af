import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { type ParsedMail, simpleParser } from "mailparser";
import { fetchAll, findLetters, untilLetter } from "../../../rig/letters.ts";
import type { Person } from "../../../rig/person.ts";
import { eventually } from "../../end-to-end/eventually.ts";
import { TwoPeople } from "../../end-to-end/two-people.ts";
import { mailAccount, type Security } from "./mail-account.ts";
import { Mutt } from "./mutt.ts";

let people: TwoPeople;
const running: Mutt[] = [];

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 60_000);

afterEach(async () => {
  await Promise.all(running.splice(0).map((mutt) => mutt.stop()));
});

afterAll(async () => {
  await people?.part();
});

async function openMutt(person: Person, security: Security): Promise<Mutt> {
  const home = join(people.scratch, `mutt-${person.name}-${security}`);
  const mutt = await Mutt.start({ account: mailAccount(person), security, home });
  running.push(mutt);
  return mutt;
}

const contactsOf = async (person: Person) =>
  (await person.command<{ contacts: { petname: string }[] }>("contacts")).contacts.map(({ petname }) => petname);

test.each<Security>(["tls", "starttls"])(
  "over %s: mutt sends a letter with a file; mutt at the other end lists it by itself, shows it and answers",
  async (security) => {
    const subject = `From a terminal by ${security}`;
    const content = randomBytes(100_000);
    const attachment = join(people.scratch, `plan-ü-${security}.bin`);
    writeFileSync(attachment, content);
    const alice = await openMutt(people.alice, security);
    const bob = await openMutt(people.bob, security);

    await alice.send({ to: "bob@postern.alt", subject, body: "Grüße aus dem Terminal\n.\nund Schluss\n", attachment });
    await bob.untilListed(subject);
    const letter = await bob.read(subject, /Grüße aus dem Terminal\n\.\nund Schluss/);
    expect(letter).toContain("From: alice <");
    expect(letter).toContain(`plan-ü-${security}.bin`);

    await bob.reply(subject, "An answer from the other terminal\n");
    await alice.untilListed(`Re: ${subject}`);
    expect(await alice.read(`Re: ${subject}`, /An answer from the other terminal/)).toContain("From: bob <");
    await bob.quit();
    await alice.quit();

    const atBob = await people.bob.imap();
    const received = await untilLetter(atBob, "INBOX", subject);
    expect([...received.flags]).toEqual(expect.arrayContaining(["\\Seen", "\\Answered"]));
    const [file] = (await simpleParser(received.source)).attachments;
    expect(file?.content.equals(content)).toBe(true);
    expect(await findLetters(atBob, "Sent", `Re: ${subject}`)).toHaveLength(1);
    await atBob.logout();
    const atAlice = await people.alice.imap();
    expect(await findLetters(atAlice, "Sent", subject)).toHaveLength(1);
    await atAlice.logout();
  },
  120_000,
);

test("mutt does not take a certificate that another authority signed", async () => {
  const account = { ...mailAccount(people.alice), caFile: people.bob.account.caFile };
  const home = join(people.scratch, "mutt-deceived");
  await expect(Mutt.start({ account, security: "tls", home })).rejects.toThrow("does not trust the certificate");
}, 60_000);

test("a command to the bridge by mail: mutt shows its question, and the reply is the confirmation", async () => {
  const mutt = await openMutt(people.alice, "tls");
  await mutt.send({ to: "postern@postern.alt", subject: "remove bob", body: "\n" });
  const client = await people.alice.imap();
  try {
    const letterThat = (fits: (letter: ParsedMail) => boolean) =>
      eventually(async () => {
        const letters = await Promise.all([...(await fetchAll(client)).values()].map((raw) => simpleParser(raw)));
        return letters.find(fits);
      });
    const { subject = "" } = await letterThat((letter) => letter.subject?.startsWith("Really remove bob?") ?? false);
    await mutt.untilListed(subject);
    expect(await mutt.read(subject, /Answer this letter, and it is done/)).toContain("From: Postern <");
    expect(await contactsOf(people.alice)).toContain("bob");
    await mutt.reply(subject, "Yes.\n");
    await letterThat(({ text }) => text?.includes("bob is no contact any more") ?? false);
    expect(await contactsOf(people.alice)).not.toContain("bob");
  } finally {
    await client.logout();
  }
  await mutt.quit();
}, 120_000);
