import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { fetchAll, formatLetter, headerOf, sendRaw, untilMessages } from "../../rig/letters.ts";
import { postern } from "../../rig/postern-process.ts";
import { TwoPeople } from "./two-people.ts";

let people: TwoPeople;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 60_000);

afterAll(async () => {
  await people?.part();
});

async function send(subject: string): Promise<string> {
  const smtp = people.alice.smtp();
  const { address } = people.alice.account;
  try {
    return await sendRaw(smtp, { from: address, to: "bob@postern.alt" }, formatLetter({ Subject: subject }, "x\r\n"));
  } finally {
    smtp.close();
  }
}

test("a contact that was removed is unknown at RCPT, and can be added anew with a new invite", async () => {
  const { alice, bob } = people;
  expect(await alice.command("contacts", "--remove", "bob")).toEqual({ removed: "bob" });
  await expect(send("to nobody")).rejects.toMatchObject({ responseCode: 550 });
  await bob.command("contacts", "--remove", "alice");
  await alice.befriend(bob);
  await send("anew");
  const reader = await bob.imap();
  await untilMessages(reader, 1);
  const [letter] = (await fetchAll(reader)).values();
  await reader.logout();
  expect(headerOf(letter ?? Buffer.alloc(0))).toContain("Subject: anew");
}, 60_000);

test("who is no contact cannot be removed, and is named", async () => {
  const refused = await postern(people.scratch, "contacts", "--home", people.alice.home, "--remove", "carol", "--json");
  expect(refused.status).toBe(6);
  expect(refused.stderr).toContain('"carol"');
});
