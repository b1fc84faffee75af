import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { type Clock, systemClock } from "../../foundation/clock.ts";
import {
  createRelayClient,
  type RelayClient,
  type RelayClientOptions,
} from "../../overlay-adapter/relay-client/relay-client.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { befriend, IN_A_DAY, Person } from "./person.ts";

let directory: string;
let relay: Relay;
const people: Person[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-relay-"));
  relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
});

afterEach(async () => {
  await Promise.all(people.splice(0).map((person) => person.close()));
});

afterAll(async () => {
  await relay.stop();
  await rm(directory, { recursive: true });
});

function person(extra: ConstructorParameters<typeof Person>[1] = {}): Person {
  const made = new Person(relay.address, extra);
  people.push(made);
  return made;
}

/** A client whose named request never gets an answer. */
function mute(request: keyof RelayClient) {
  return (options: RelayClientOptions): RelayClient => ({
    ...createRelayClient(options),
    [request]: () => new Promise(() => undefined),
  });
}

test("an invite makes both contacts of each other, pinned, under the names that each chose", async () => {
  const [a, b] = [person(), person()];
  const { link, id, ready } = await a.overlay.createInvite({ name: "bob", expiresAt: IN_A_DAY() });
  expect(ready).toBe(true);
  expect(a.overlay.pendingInvites()).toMatchObject([{ id, direction: "made", name: "bob", state: "open", link }]);
  expect(await b.overlay.acceptInvite(link, "alice")).toEqual({ kind: "joined", contact: a.label, petname: "alice" });
  await b.untilEvent("contact-confirmed");
  expect(a.contacts.list()).toMatchObject([{ label: b.label, petname: "bob", state: "invited", epoch: 1 }]);
  expect(b.contacts.list()).toMatchObject([{ label: a.label, petname: "alice", state: "invited", epoch: 1 }]);
  expect(a.events).toContainEqual({ kind: "contact-added", contact: b.label, invite: id });
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  expect([...a.overlay.pendingInvites(), ...b.overlay.pendingInvites()]).toEqual([]);
  // The slot stays, so that a second try is noticed.
  expect(relay.counts().slots).toBe(1);
});

test("a contact whose invite had no name is called after the address, and two such names differ", async () => {
  const a = person();
  const [b, c] = [person(), person()];
  await befriend(a, b);
  await befriend(a, c);
  const names = a.contacts.list().map(({ petname }) => petname);
  expect(new Set(names)).toEqual(new Set([`friend-${b.label.slice(0, 4)}`, `friend-${c.label.slice(0, 4)}`]));
});

test("a name that was given to somebody else meanwhile gets a number", async () => {
  const [a, b, c] = [person(), person(), person()];
  const first = await a.overlay.createInvite({ name: "sam", expiresAt: IN_A_DAY() });
  const second = await a.overlay.createInvite({ name: "sam", expiresAt: IN_A_DAY() });
  await b.overlay.acceptInvite(first.link, "alice");
  await b.untilEvent("contact-confirmed");
  await c.overlay.acceptInvite(second.link, "alice");
  await c.untilEvent("contact-confirmed");
  expect(a.contacts.byPetname("sam-2")?.label).toBe(c.label);
  await expect(a.overlay.createInvite({ name: "sam", expiresAt: IN_A_DAY() })).rejects.toMatchObject({
    code: "already-exists",
  });
});

test("accepting the same link again while it is under way changes nothing, and afterwards it is a contact already", async () => {
  const [a, b] = [person(), person()];
  const { link } = await a.overlay.createInvite({ expiresAt: IN_A_DAY() });
  const both = await Promise.all([b.overlay.acceptInvite(link, "alice"), b.overlay.acceptInvite(link, "alice")]);
  expect(both[0]).toEqual(both[1]);
  await b.untilEvent("contact-confirmed");
  await expect(b.overlay.acceptInvite(link, "other")).rejects.toThrow("who is your contact already");
  expect(a.count("contact-added")).toBe(1);
});

test("one's own, an expired, a mistyped invite, a bad and a taken name are refused with a clear text", async () => {
  let now = Date.now();
  const clock: Clock = { now: () => now, after: (...timer) => systemClock.after(...timer) };
  const [a, b] = [person(), person({ clock })];
  const { link } = await a.overlay.createInvite({ expiresAt: now + 60_000 });
  await expect(a.overlay.acceptInvite(link, "me")).rejects.toThrow("your own invite");
  await expect(b.overlay.acceptInvite(link.slice(0, -2), "alice")).rejects.toMatchObject({ code: "invalid" });
  await expect(b.overlay.acceptInvite(link, "a b")).rejects.toMatchObject({ code: "invalid" });
  now += 120_000;
  await expect(b.overlay.acceptInvite(link, "alice")).rejects.toThrow("has expired");
  await expect(a.overlay.createInvite({ expiresAt: Date.now() - 1 })).rejects.toMatchObject({ code: "invalid" });
  await expect(a.overlay.createInvite({ expiresAt: Date.now() + 1e11 })).rejects.toMatchObject({ code: "invalid" });
  expect(b.overlay.pendingInvites()).toEqual([]);
});

test("a link whose relay answers with another key is refused, and nothing stays", async () => {
  const [a, b] = [person(), person()];
  const other = new Person({ ...relay.address, pin: randomBytes(32) });
  people.push(other);
  await expect(other.overlay.createInvite({ expiresAt: IN_A_DAY() })).rejects.toMatchObject({ code: "forbidden" });
  expect(other.overlay.pendingInvites()).toEqual([]);
  expect(a.contacts.list()).toEqual([]);
  expect(b.contacts.list()).toEqual([]);
});

test("a second claim burns the invite: both claimants and the inviter learn of it, and nobody becomes a contact", async () => {
  const a = person();
  const { link, id } = await a.overlay.createInvite({ name: "bob", expiresAt: IN_A_DAY() });
  // The first claimant gets the bundle, but dies before the hello goes out.
  const thief = person({ connect: mute("createQueue") });
  void thief.overlay.acceptInvite(link, "alice").catch(() => undefined);
  await thief.until(() => thief.overlay.pendingInvites()[0]?.state === "greeting");
  const b = person();
  await expect(b.overlay.acceptInvite(link, "alice")).rejects.toThrow("somebody else has tried to use this invite");
  thief.crash();
  thief.open(undefined, { connect: createRelayClient });
  await a.untilEvent("invite-burned");
  expect(a.events).toContainEqual({ kind: "invite-burned", invite: id });
  expect(a.contacts.list()).toEqual([]);
  expect(a.overlay.pendingInvites()).toEqual([]);
  await a.overlay.idle();
});

test("a link that was used up tells a late second claimant that it was used", async () => {
  const [a, b, c] = [person(), person(), person()];
  const { link } = await a.overlay.createInvite({ expiresAt: IN_A_DAY() });
  await b.overlay.acceptInvite(link, "alice");
  await b.untilEvent("contact-confirmed");
  await a.overlay.idle();
  await expect(c.overlay.acceptInvite(link, "alice")).rejects.toThrow(/used already|somebody else/);
});

test("a withdrawn invite cannot be taken, and its queue is gone", async () => {
  const [a, b] = [person(), person()];
  const queues = relay.counts().queues;
  const { link, id } = await a.overlay.createInvite({ expiresAt: IN_A_DAY() });
  await a.overlay.cancelInvite(id);
  await a.overlay.idle();
  expect(relay.counts().queues).toBe(queues);
  await expect(b.overlay.acceptInvite(link, "alice")).rejects.toMatchObject({ code: "nonexistent" });
  await expect(a.overlay.cancelInvite(id)).rejects.toMatchObject({ code: "nonexistent" });
});

test("an invite made and one accepted while the relay is away are finished when it is back", async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), "postern-relay-"));
  let other = await startRelay({ directory: elsewhere, host: "127.0.0.1", port: 0 });
  const { address, port } = other;
  const [a, b] = [new Person(address), new Person(address)];
  people.push(a, b);
  await other.stop();
  const { link, ready } = await a.overlay.createInvite({ expiresAt: IN_A_DAY() });
  expect(ready).toBe(false);
  expect(await b.overlay.acceptInvite(link, "alice")).toMatchObject({ kind: "waiting" });
  a.crash();
  b.crash();
  a.open();
  b.open();
  other = await startRelay({ directory: elsewhere, host: "127.0.0.1", port });
  // The claim may come before the invite is there; then it is made again, as its user would.
  await a.until(() => a.overlay.pendingInvites()[0]?.state !== "preparing");
  while (b.contacts.list().length === 0)
    if (b.overlay.pendingInvites().length === 0) await b.overlay.acceptInvite(link, "alice");
    else await b.until(() => b.overlay.pendingInvites()[0]?.state !== "claiming");
  await b.untilEvent("contact-confirmed");
  await Promise.all([a.close(), b.close()]);
  await other.stop();
  await rm(elsewhere, { recursive: true });
});

test("an invite that nobody took is cleared away some time after its end", async () => {
  let offset = 0;
  const timers = new Set<() => void>();
  const clock: Clock = {
    now: () => Date.now() + offset,
    after: (delay, callback) => {
      if (delay < 5 * 60_000) return systemClock.after(delay, callback);
      timers.add(callback);
      return () => timers.delete(callback);
    },
  };
  const a = person({ clock });
  const { id } = await a.overlay.createInvite({ expiresAt: IN_A_DAY() });
  offset = 4 * 24 * 3_600_000;
  const due = Array.from(timers);
  for (const callback of due) callback();
  await a.untilEvent("invite-expired");
  expect(a.events).toContainEqual({ kind: "invite-expired", invite: id });
  expect(a.overlay.pendingInvites()).toEqual([]);
});

test("two who invite each other at the same time end up with letters both ways", async () => {
  const [a, b] = [person(), person()];
  const [fromA, fromB] = await Promise.all([
    a.overlay.createInvite({ expiresAt: IN_A_DAY() }),
    b.overlay.createInvite({ expiresAt: IN_A_DAY() }),
  ]);
  const accepted = await Promise.allSettled([
    b.overlay.acceptInvite(fromA.link, "alice"),
    a.overlay.acceptInvite(fromB.link, "bob"),
  ]);
  expect(accepted.some(({ status }) => status === "fulfilled")).toBe(true);
  await Promise.all([a.until(() => a.contacts.list().length > 0), b.until(() => b.contacts.list().length > 0)]);
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  await a.send("to b", b);
  await b.send("to a", a);
  await Promise.all([a.untilLetters(1), b.untilLetters(1)]);
});

test("a contact that was removed can be invited again, and numbers begin anew without a gap", async () => {
  const [a, b] = [person(), person()];
  await befriend(a, b);
  await a.send("before", b);
  await b.untilLetters(1);
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    await one.overlay.removeContact(other.label);
    one.contacts.remove(other.label);
  }
  a.events.length = 0;
  b.events.length = 0;
  await befriend(a, b);
  await a.send("after", b);
  await b.untilLetters(2);
  expect(b.contents()).toEqual(["before", "after"]);
  expect(b.count("gap") + b.count("cells-dropped")).toBe(0);
});
