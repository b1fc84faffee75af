import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { findLetters, formatLetter, sendRaw } from "../../rig/letters.ts";
import { Person } from "../../rig/person.ts";
import { type InitOutput, postern, posternJson } from "../../rig/postern-process.ts";
import { eventually } from "./eventually.ts";
import { TwoPeople } from "./two-people.ts";

let people: TwoPeople;
let again: Person | undefined;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 120_000);

afterAll(async () => {
  await again?.stop();
  await people?.part();
});

interface Recovered extends InitOutput {
  readonly recordedAt: string;
  readonly contacts: { petname: string; state: string; verification: string }[];
}

const contact = async (of: Person) =>
  (await of.command<{ contacts: { petname: string; state: string; phrase: string }[] }>("contacts")).contacts[0];

const until = (condition: () => Promise<boolean>) =>
  eventually(async () => ((await condition()) ? true : undefined), 240_000);

async function write(from: Person, to: string, subject: string): Promise<void> {
  const smtp = from.smtp();
  const raw = formatLetter({ From: from.account.address, To: `${to}@postern.alt`, Subject: subject }, "text\r\n");
  await sendRaw(smtp, { from: from.account.address, to: `${to}@postern.alt` }, raw);
  smtp.close();
}

async function arrives(at: Person, subject: string): Promise<void> {
  const client = await at.imap();
  try {
    await until(async () => (await findLetters(client, "INBOX", subject)).length === 1);
  } finally {
    await client.logout();
  }
}

test("a machine is lost; the 24 words and the relay on the paper make it again, with the contacts, verified as before", async () => {
  const { alice, bob, scratch } = people;
  await until(async () => (await contact(alice))?.phrase !== undefined && (await contact(bob))?.phrase !== undefined);
  const verifiedAt = new Date().toISOString();
  await alice.command("verify", "bob", "--phrase", (await contact(alice))?.phrase ?? "");
  await bob.command("verify", "alice", "--phrase", (await contact(bob))?.phrase ?? "");
  await write(alice, "bob", "before");
  await arrives(bob, "before");

  const paper = await alice.command<{ words: string; relays: string[]; relayIsHere: boolean }>("paper-key");
  expect(paper.relayIsHere).toBe(false);
  const [relay = ""] = paper.relays;
  expect(relay).not.toContain("@");
  // That Bob is verified is in the record soon.
  await until(async () => {
    const { recoveryRecord = "" } = await alice.command<{ recoveryRecord?: string }>("status");
    return recoveryRecord > verifiedAt;
  });
  await alice.stop();
  rmSync(alice.home, { recursive: true });
  await write(bob, "alice", "while there is no machine");

  const home = join(scratch, "again");
  const words = join(scratch, "words");
  writeFileSync(words, `${paper.words}\n`, { mode: 0o600 });
  const wrong = join(scratch, "wrong");
  writeFileSync(wrong, "abandon ".repeat(24), { mode: 0o600 });
  const recover = ["recover", "--home", home, "--imap", "127.0.0.1:0", "--smtp", "127.0.0.1:0"];
  expect((await postern(scratch, ...recover, "--relay", relay, "--words-file", wrong)).stderr).toMatch(/24 words/);
  expect((await postern(scratch, ...recover, "--words-file", words)).stderr).toMatch(/say which relay/);

  const made = await posternJson<Recovered>(scratch, ...recover, "--relay", relay, "--words-file", words);
  expect(made.address).toBe(alice.account.address);
  expect(made.contacts).toMatchObject([{ petname: "bob", verification: "verified" }]);
  expect(["told", "answered"]).toContain(made.contacts[0]?.state);
  // Run again, it goes on, and asks for nothing.
  expect(await posternJson<Recovered>(scratch, "recover", "--home", home)).toMatchObject({
    contacts: [{ petname: "bob", verification: "verified" }],
  });
  expect((await postern(scratch, "recover", "--home", bob.home)).stderr).toMatch(/already/);

  again = Person.ofHome("again", scratch, home, made);
  await again.start();
  await arrives(again, "while there is no machine");
  await write(again, "bob", "from the new machine");
  await arrives(bob, "from the new machine");
  await write(bob, "alice", "to the new machine");
  await arrives(again, "to the new machine");
  expect(await contact(bob)).toMatchObject({ petname: "alice", state: "verified" });
  expect(await contact(again)).toMatchObject({ petname: "bob", state: "verified" });
  const { devices } = await again.command<{ devices: { own: boolean }[] }>("revoke", "--list");
  expect(devices).toMatchObject([{ own: true }]);
}, 300_000);
