import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { phraseCommitment, safetyPhrase } from "../../overlay-adapter/contacts/safety-phrase.ts";
import { befriend } from "../overlay-adapter/person.ts";
import { DAY, MINUTE } from "./days-clock.ts";
import { Neighbourhood } from "./neighbourhood.ts";

let street: Neighbourhood;

beforeAll(async () => {
  street = await Neighbourhood.open();
});

afterEach(() => street.leave());

afterAll(() => street.close());

const inAWeek = () => street.clock.now() + 7 * DAY;

test("a copied link that is tried days after it was used warns both contacts, and lets nobody in", async () => {
  const [alice, bob, thief] = [street.person(), street.person(), street.person()];
  const { link, id } = await alice.overlay.createInvite({ name: "bob", expiresAt: inAWeek() });
  await bob.overlay.acceptInvite(link, "alice");
  await bob.untilEvent("contact-confirmed");
  street.clock.pass(3 * DAY);
  await expect(thief.overlay.acceptInvite(link, "alice")).rejects.toThrow("somebody else has tried to use this invite");
  street.clock.pass(11 * MINUTE);
  await alice.untilEvent("invite-used-twice");
  await bob.untilEvent("invite-alarm");
  expect(alice.events).toContainEqual({ kind: "invite-used-twice", invite: id, contact: bob.label });
  expect(bob.events).toContainEqual({ kind: "invite-alarm", contact: alice.label });
  expect(alice.contacts.list()).toMatchObject([{ label: bob.label, state: "invited" }]);
  expect(thief.contacts.list()).toEqual([]);
});

test("a thief who was first is found out by the rightful second: both are told, and the words differ", async () => {
  const [alice, bob, thief] = [street.person(), street.person(), street.person()];
  const { link } = await alice.overlay.createInvite({ name: "bob", expiresAt: inAWeek() });
  await thief.overlay.acceptInvite(link, "alice");
  await thief.untilEvent("contact-confirmed");
  await expect(bob.overlay.acceptInvite(link, "alice")).rejects.toThrow("somebody else has tried");
  street.clock.pass(11 * MINUTE);
  await alice.untilEvent("invite-used-twice");
  expect(bob.overlay.safetyPhrase(alice.label)).toBeUndefined();
  expect(alice.overlay.verifyContact(thief.label, "abandon ability able about")).toBe(false);
  expect(alice.contacts.byPetname("bob")?.state).toBe("invited");
});

test("a second try is noticed after the inviter was off for days, and told once", async () => {
  const [alice, bob, thief] = [street.person(), street.person(), street.person()];
  const { link } = await alice.overlay.createInvite({ expiresAt: inAWeek() });
  await bob.overlay.acceptInvite(link, "alice");
  await bob.untilEvent("contact-confirmed");
  alice.crash();
  await expect(thief.overlay.acceptInvite(link, "alice")).rejects.toThrow("somebody else");
  alice.open();
  await alice.untilEvent("invite-used-twice");
  await alice.overlay.idle();
  alice.crash();
  alice.open();
  await alice.overlay.idle();
  street.clock.pass(11 * MINUTE);
  await alice.overlay.idle();
  expect(alice.count("invite-used-twice")).toBe(1);
});

test("an inviter who wants to be asked sees who it is, and nothing flows before the word", async () => {
  const [alice, bob] = [street.person(), street.person()];
  const { link, id } = await alice.overlay.createInvite({ name: "bob", expiresAt: inAWeek(), asks: true });
  await bob.overlay.acceptInvite(link, "alice");
  await bob.send("too early", alice);
  await alice.untilEvent("invite-asks");
  expect(alice.overlay.pendingInvites()).toMatchObject([{ id, state: "asking", asker: bob.label }]);
  expect(alice.contacts.list()).toEqual([]);
  alice.crash();
  bob.crash();
  alice.open();
  bob.open();
  await alice.overlay.idle();
  expect(alice.letters()).toEqual([]);
  expect(await alice.overlay.approveInvite(id)).toBe(bob.label);
  await alice.untilLetters(1);
  expect(alice.contents()).toEqual(["too early"]);
  expect(alice.events.filter((event) => event.kind === "cells-dropped" && event.reason !== "duplicate")).toEqual([]);
  await bob.untilEvent("contact-confirmed");
});

test("an asker who was copied from is burned before the inviter can let anybody in", async () => {
  const [alice, bob, thief] = [street.person(), street.person(), street.person()];
  const { link, id } = await alice.overlay.createInvite({ name: "bob", expiresAt: inAWeek(), asks: true });
  await thief.overlay.acceptInvite(link, "alice");
  await alice.untilEvent("invite-asks");
  await expect(bob.overlay.acceptInvite(link, "alice")).rejects.toThrow("somebody else");
  await expect(alice.overlay.approveInvite(id)).rejects.toMatchObject({ code: "forbidden" });
  expect(alice.contacts.list()).toEqual([]);
  expect(alice.overlay.pendingInvites()).toEqual([]);
});

test("an asker who is refused is told when the invite's time is over, and their letters fail", async () => {
  const [alice, bob] = [street.person(), street.person()];
  const { link, id } = await alice.overlay.createInvite({ expiresAt: street.clock.now() + DAY, asks: true });
  await bob.overlay.acceptInvite(link, "alice");
  await bob.send("never read", alice);
  await alice.untilEvent("invite-asks");
  await alice.overlay.cancelInvite(id);
  street.clock.pass(4 * DAY);
  await bob.untilEvent("join-failed");
  await bob.until(() => bob.count("failed") > 0);
  expect(bob.count("failed")).toBe(1);
  expect(bob.contacts.list()).toEqual([]);
  expect(alice.contacts.list()).toEqual([]);
});

test("both see the same four words, and typing them verifies", async () => {
  const [alice, bob] = await street.friends();
  const words = alice.overlay.safetyPhrase(bob.label) ?? "";
  expect(words).toMatch(/^([a-z]+ ){3}[a-z]+$/);
  expect(bob.overlay.safetyPhrase(alice.label)).toBe(words);
  expect(alice.overlay.verifyContact(bob.label, "zoo zoo zoo zoo")).toBe(false);
  expect(alice.contacts.byLabel(bob.label)?.state).toBe("invited");
  expect(alice.overlay.verifyContact(bob.label, ` ${words.toUpperCase().replaceAll(" ", "-")} `)).toBe(true);
  expect(alice.contacts.byLabel(bob.label)?.state).toBe("verified");
});

test("every part of a safety phrase changes it, and an order that is turned round too", () => {
  const [a, b] = ["a".repeat(52), "b".repeat(52)] as never[] as [never, never];
  const [one, other] = [randomBytes(32), randomBytes(32)];
  const words = safetyPhrase({ label: a, nonce: one }, { label: b, nonce: other });
  expect(words).not.toBe(safetyPhrase({ label: b, nonce: other }, { label: a, nonce: one }));
  expect(words).not.toBe(safetyPhrase({ label: a, nonce: other }, { label: b, nonce: one }));
  // The vector of docs/overlay-protocol.md section 2.5.
  const [ones, twos] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  expect(safetyPhrase({ label: a, nonce: ones }, { label: b, nonce: twos })).toBe("antenna boat praise very");
  expect(phraseCommitment(ones).toString("hex")).toBe(
    "998f5b0b3a3425e2a1dbf642613e181c8120bfe3eb0d0db2a79e4b0e4c06fea7",
  );
});

test("a host that shows another number than it was bound to is frozen, and the user is told", async () => {
  const bob = street.person();
  // A host whose number comes out otherwise each time it is read from the disk.
  const alice = street.person();
  const { link } = await alice.overlay.createInvite({ expiresAt: inAWeek() });
  alice.db.sqlite.prepare("UPDATE overlay_invite SET nonce = ?").run(randomBytes(32));
  await bob.overlay.acceptInvite(link, "alice");
  await bob.untilEvent("phrase-broken");
  expect(bob.contacts.byLabel(alice.label)?.state).toBe("frozen");
  expect(bob.overlay.safetyPhrase(alice.label)).toBeUndefined();
});

test("a frozen contact's letters wait at the relay, and come when it is unfrozen, verification kept", async () => {
  const [alice, bob] = await street.friends();
  alice.overlay.verifyContact(bob.label, alice.overlay.safetyPhrase(bob.label) ?? "");
  alice.overlay.freezeContact(bob.label);
  await alice.send("not now", bob);
  await alice.untilEvent("failed");
  await bob.send("waits", alice);
  await bob.untilEvent("relayed");
  alice.crash();
  alice.open();
  expect(alice.letters()).toEqual([]);
  alice.overlay.unfreezeContact(bob.label);
  await alice.untilLetters(1);
  expect(alice.contacts.byLabel(bob.label)?.state).toBe("verified");
  expect(() => alice.overlay.unfreezeContact(bob.label)).toThrow("not frozen");
});

test("a blocked contact has no queue any more, cannot come back by an invite, and can after it was removed", async () => {
  const before = street.relay.counts().queues;
  const [alice, bob] = await street.friends();
  await Promise.all([alice.overlay.idle(), bob.overlay.idle()]);
  const both = street.relay.counts().queues;
  expect(both).toBe(before + 2);
  await alice.overlay.blockContact(bob.label);
  await alice.overlay.idle();
  expect(street.relay.counts().queues).toBe(both - 1);
  await bob.send("into nothing", alice);
  await bob.untilEvent("failed");
  expect(alice.count("cells-dropped")).toBe(0);
  expect(() => alice.overlay.unfreezeContact(bob.label)).toThrow("not frozen");
  await bob.overlay.removeContact(alice.label);
  bob.contacts.remove(alice.label);
  const { link } = await alice.overlay.createInvite({ expiresAt: inAWeek() });
  await bob.overlay.acceptInvite(link, "alice");
  await alice.until(() => alice.count("cells-dropped") === 1);
  expect(alice.contacts.byLabel(bob.label)?.state).toBe("revoked");
  alice.contacts.remove(bob.label);
  await bob.overlay.removeContact(alice.label);
  bob.contacts.remove(alice.label);
  await befriend(alice, bob, street.clock);
  await alice.until(() => alice.contacts.byLabel(bob.label)?.state === "invited");
});
