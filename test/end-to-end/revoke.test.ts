import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { fetchAll, findLetters, formatLetter, sendRaw, untilMessages } from "../../rig/letters.ts";
import type { Person } from "../../rig/person.ts";
import { postern } from "../../rig/postern-process.ts";
import { TwoPeople } from "./two-people.ts";

let people: TwoPeople;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 60_000);

afterAll(async () => {
  await people?.part();
});

const revoke = (...args: string[]) => postern(people.scratch, "revoke", "--home", people.alice.home, ...args);

async function write(from: Person, to: string, subject: string): Promise<void> {
  const smtp = from.smtp();
  const raw = formatLetter({ From: from.account.address, To: `${to}@postern.alt`, Subject: subject }, "text\r\n");
  await sendRaw(smtp, { from: from.account.address, to: `${to}@postern.alt` }, raw);
  smtp.close();
}

async function arrives(at: Person, subject: string): Promise<void> {
  const client = await at.imap();
  try {
    for (let tries = 0; tries < 300; tries++) {
      if ((await findLetters(client, "INBOX", subject)).length === 1) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`${subject} did not come; there is ${[...(await fetchAll(client)).keys()].join()}`);
  } finally {
    await client.logout();
  }
}

const devices = () =>
  people.alice
    .command<{ devices: { device: number; own: boolean }[] }>("revoke", "--list")
    .then((told) => told.devices);

test("with the paper key this installation gets new keys; letters go on both ways and the contact stays", async () => {
  const { alice, bob, scratch } = people;
  await write(alice, "bob", "before");
  await arrives(bob, "before");
  expect(await devices()).toEqual([{ device: 1, own: true }]);

  const words = join(scratch, "words");
  writeFileSync(words, (await alice.command<{ words: string }>("paper-key")).words, { mode: 0o600 });
  await alice.command("paper-key", "--forget");
  const wrong = join(scratch, "wrong");
  writeFileSync(wrong, "abandon ".repeat(24), { mode: 0o600 });
  expect((await revoke("1", "--words-file", wrong)).stderr).toMatch(/not the 24 words/);
  expect((await revoke("7", "--words-file", words)).stderr).toMatch(/no device 7/);
  expect((await revoke("1", "--admin-key")).stderr).toMatch(/cannot revoke itself/);
  expect((await revoke("one")).stderr).toMatch(/by number/);
  expect(await devices()).toEqual([{ device: 1, own: true }]);

  expect(await alice.command("revoke", "1", "--words-file", words)).toEqual({ revoked: 1, renewed: true });
  expect(await devices()).toEqual([{ device: 2, own: true }]);
  await arrives(alice, "This installation has new keys");
  await write(alice, "bob", "after, from alice");
  await arrives(bob, "after, from alice");
  await write(bob, "alice", "after, from bob");
  await arrives(alice, "after, from bob");
  const reader = await bob.imap();
  await untilMessages(reader, 2);
  await reader.logout();
  const { contacts } = await bob.command<{ contacts: { petname: string; state: string }[] }>("contacts");
  expect(contacts).toMatchObject([{ petname: "alice", state: "invited" }]);
}, 120_000);
