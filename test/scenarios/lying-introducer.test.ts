import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { decodeContactLetter, encodeContactLetter } from "../../overlay-adapter/contacts/contact-letters.ts";
import { befriend, type Person } from "../overlay-adapter/person.ts";
import { DAY } from "./days-clock.ts";
import { Neighbourhood } from "./neighbourhood.ts";

let street: Neighbourhood;

beforeAll(async () => {
  street = await Neighbourhood.open();
});

afterEach(() => street.leave());

afterAll(() => street.close());

/** Xenia, whom Alice and Bob both know; they do not know each other. */
async function three(): Promise<{ xenia: Person; alice: Person; bob: Person }> {
  const [xenia, alice, bob] = [street.person(), street.person(), street.person()];
  await befriend(xenia, alice, street.clock);
  await befriend(xenia, bob, street.clock);
  return { xenia, alice, bob };
}

async function offered(who: Person): Promise<string> {
  await who.untilEvent("introduction-offered");
  return who.overlay.meetings.introductions()[0]?.id ?? "";
}

test("two who accept an introduction are contacts, introduced by a name, with the same phrase; letters flow", async () => {
  const { xenia, alice, bob } = await three();
  xenia.overlay.meetings.introduce(alice.label, bob.label);
  const [hers, his] = [await offered(alice), await offered(bob)];
  alice.overlay.meetings.acceptIntroduction(hers, "bob");
  expect(alice.contacts.byLabel(bob.label)).toBeUndefined();
  alice.crash();
  bob.overlay.meetings.acceptIntroduction(his, "alice");
  bob.crash();
  alice.open();
  bob.open();
  await Promise.all([
    alice.until(() => alice.overlay.safetyPhrase(bob.label) !== undefined),
    bob.until(() => bob.overlay.safetyPhrase(alice.label) !== undefined),
  ]);
  expect(alice.contacts.byLabel(bob.label)).toMatchObject({ petname: "bob", state: "introduced", how: "introduction" });
  expect(bob.contacts.byLabel(alice.label)).toMatchObject({ petname: "alice", state: "introduced" });
  expect(alice.overlay.meetings.introducer(bob.label)).toBe(alice.contacts.byLabel(xenia.label)?.petname);
  expect(alice.overlay.safetyPhrase(bob.label)).toBe(bob.overlay.safetyPhrase(alice.label));
  await alice.send("we have a friend in common", bob);
  await bob.untilLetters(1);
  expect([...alice.overlay.meetings.introductions(), ...bob.overlay.meetings.introductions()]).toEqual([]);
});

test("one who refuses, or does not answer for weeks, stays unknown, and nobody is told", async () => {
  const { xenia, alice, bob } = await three();
  xenia.overlay.meetings.introduce(alice.label, bob.label);
  const [hers, his] = [await offered(alice), await offered(bob)];
  bob.overlay.meetings.cancelIntroduction(his);
  alice.overlay.meetings.acceptIntroduction(hers);
  await alice.overlay.idle();
  street.clock.pass(22 * DAY);
  await alice.until(() => alice.overlay.meetings.introductions().length === 0);
  expect(alice.contacts.byLabel(bob.label)).toBeUndefined();
  expect(bob.contacts.byLabel(alice.label)).toBeUndefined();
  expect(xenia.count("introduction-failed") + alice.count("introduction-failed")).toBe(0);
});

test("an introducer who puts somebody else in Bob's place never yields verified, and the four words differ", async () => {
  const { xenia, alice, bob } = await three();
  // Mallory is Xenia's too; she is what Alice gets as Bob.
  const mallory = street.person();
  await befriend(xenia, mallory, street.clock);
  xenia.contacts.rename(bob.label, "real-bob");
  xenia.contacts.rename(mallory.label, "bob");
  xenia.overlay.meetings.introduce(alice.label, mallory.label);
  alice.overlay.meetings.acceptIntroduction(await offered(alice));
  mallory.overlay.meetings.acceptIntroduction(await offered(mallory));
  await alice.until(() => alice.overlay.safetyPhrase(mallory.label) !== undefined);
  expect(alice.contacts.byPetname("bob")).toMatchObject({ label: mallory.label, state: "introduced" });
  expect(bob.overlay.safetyPhrase(alice.label)).toBeUndefined();
  expect(alice.overlay.verifyContact(mallory.label, "zoo zoo zoo zoo")).toBe(false);
  expect(alice.contacts.byPetname("bob")?.state).toBe("introduced");
});

test("an introducer who swaps the key in an answer is found out: the signature is not the other's", async () => {
  const { xenia, alice, bob } = await three();
  // What Xenia's bridge passes on is altered on its disk before it is sent.
  xenia.overlay.meetings.introduce(alice.label, bob.label);
  const [hers, his] = [await offered(alice), await offered(bob)];
  bob.overlay.meetings.acceptIntroduction(his);
  await alice.until(() => theirs(alice, hers) !== null);
  const answer = decodeContactLetter(theirs(alice, hers) ?? Buffer.alloc(1));
  if (answer?.kind !== "introduction-answer") throw new Error("no answer came");
  const forged = encodeContactLetter({ ...answer, ephemeral: randomBytes(32) });
  alice.db.sqlite.prepare("UPDATE overlay_introduction SET theirs = ? WHERE id = ?").run(forged, hers);
  alice.overlay.meetings.acceptIntroduction(hers);
  await alice.untilEvent("introduction-failed");
  expect(alice.contacts.byLabel(bob.label)).toBeUndefined();
});

test("co-recipients are offered to each other once, and whom one knows already is not offered", async () => {
  const { xenia, alice, bob } = await three();
  for (let letter = 0; letter < 3; letter++) xenia.overlay.meetings.introduce(alice.label, bob.label, true);
  await offered(alice);
  await xenia.overlay.idle();
  await alice.overlay.idle();
  expect(alice.count("introduction-offered")).toBe(1);
  // Not by what the introducer calls them.
  expect(alice.overlay.meetings.introductions()[0]?.name).toBe(`friend-${bob.label.slice(0, 4)}`);
  const [carol] = [street.person()];
  await befriend(xenia, carol, street.clock);
  await befriend(alice, carol, street.clock);
  xenia.overlay.meetings.introduce(alice.label, carol.label);
  await xenia.overlay.idle();
  await xenia.send("after it", carol);
  await carol.untilLetters(1);
  expect(carol.overlay.meetings.introductions()).toEqual([]);
});

function theirs(who: Person, id: string): Buffer | null {
  return who.db.sqlite.prepare("SELECT theirs FROM overlay_introduction WHERE id = ?").pluck().get(id) as Buffer | null;
}
