import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { postern } from "../../rig/postern-process.ts";
import { TwoPeople } from "./two-people.ts";

let people: TwoPeople;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 60_000);

afterAll(async () => {
  await people?.part();
});

interface Seen {
  readonly contact: { readonly state: string };
  readonly phrase: string;
}

/** What a contact's list says of one petname, once it says so. */
async function untilState(who: "alice" | "bob", petname: string, state: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { contacts } = await people[who].command<{ contacts: { petname: string; state: string }[] }>("contacts");
    if (contacts.some((contact) => contact.petname === petname && contact.state === state)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${petname} did not become ${state}`);
}

test("verify shows both the same words, refuses others, and takes them as they are heard", async () => {
  const { alice, bob } = people;
  const [hers, his] = [await alice.command<Seen>("verify", "bob"), await bob.command<Seen>("verify", "alice")];
  expect(hers.phrase).toBe(his.phrase);
  const wrong = await postern(people.scratch, "verify", "bob", "--home", alice.home, "--phrase", "zoo zoo zoo zoo");
  expect([wrong.status, wrong.stdout]).toEqual([10, ""]);
  expect(wrong.stderr).toContain("somebody stands between you");
  const done = await alice.command<Seen>("verify", "bob", "--phrase", his.phrase.toUpperCase());
  expect(done.contact.state).toBe("verified");
});

test("a contact is frozen, unfrozen, renamed and blocked by commands to the running bridge", async () => {
  const { alice } = people;
  expect(await alice.command("contacts", "--freeze", "bob")).toMatchObject({ contact: { state: "frozen" } });
  expect(await alice.command("contacts", "--unfreeze", "bob")).toMatchObject({ contact: { state: "verified" } });
  expect(await alice.command("contacts", "--rename", "bob", "--to", "robert")).toMatchObject({
    contact: { shortAddress: "robert@postern.alt" },
  });
  expect(await alice.command("contacts", "--block", "robert")).toMatchObject({ contact: { state: "revoked" } });
  expect(await alice.command("contacts", "--remove", "robert")).toEqual({ removed: "robert" });
});

test("a spoken code makes two verified contacts, and a wrong one none", async () => {
  const { alice, bob } = people;
  await bob.command("contacts", "--remove", "alice");
  const wrong = await alice.command<{ code: string }>("pair", "--name", "bob");
  const number = wrong.code.split("-")[0];
  await expect(bob.command("pair", `${number}-zoo-zoo-zoo`, "--name", "alice")).rejects.toThrow("ended with 10");
  expect(await alice.command("pair", "--list")).toEqual({ codes: [] });
  const { code } = await alice.command<{ code: string }>("pair", "--name", "bob");
  const met = await bob.command<{ contact: { state: string } }>("pair", code, "--name", "alice");
  expect(met.contact.state).toBe("verified");
  await untilState("alice", "bob", "verified");
  const other = await alice.command<{ code: string }>("pair", "--name", "carol");
  expect(await alice.command("pair", "--cancel", "carol")).toEqual({ cancelled: other.code });
  await alice.command("contacts", "--remove", "bob");
}, 60_000);

test("whom nobody introduces cannot be accepted, and nobody is introduced to themselves", async () => {
  const { alice } = people;
  expect(await alice.command("introduce", "--list")).toEqual({ introductions: [] });
  await expect(alice.command("introduce", "--accept", "carol")).rejects.toThrow("nobody introduces");
}, 60_000);

test("an invite that asks is listed, and lets nobody in before the command says so; one that is cancelled is gone", async () => {
  const { alice, bob } = people;
  await bob.command("contacts", "--remove", "alice");
  const { invite, id } = await alice.command<{ invite: string; id: string }>("invite", "--name", "bob", "--ask");
  await bob.command("accept", invite, "--name", "alice");
  await expect(alice.command("verify", "bob")).rejects.toThrow("no contact");
  expect(await alice.command("invite", "--list")).toMatchObject({ pending: [{ id, name: "bob" }] });
  for (let tries = 0; tries < 100; tries++) {
    const { pending } = await alice.command<{ pending: { state: string }[] }>("invite", "--list");
    if (pending[0]?.state === "asking") break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await alice.command("invite", "--approve", "bob")).toMatchObject({ contact: { state: "invited" } });
  await untilState("bob", "alice", "invited");
  const other = await alice.command<{ id: string }>("invite", "--name", "carol");
  expect(await alice.command("invite", "--cancel", "carol")).toEqual({ cancelled: other.id });
  expect(await alice.command("invite", "--list")).toEqual({ pending: [] });
}, 60_000);
