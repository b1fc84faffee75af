import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { Outbox } from "../../overlay-adapter/letters/outbox.ts";
import { controlLetter } from "../../overlay-adapter/letters/prepared-letter.ts";
import { Queues } from "../../overlay-adapter/queues/queues.ts";
import { encodeControl } from "../../overlay-adapter/sessions/control.ts";
import type { Person } from "../overlay-adapter/person.ts";
import { cast, verified } from "./cast.ts";

const { person, copyOf } = cast();

const hex = (bytes: Uint8Array = Buffer.alloc(0)) => Buffer.from(bytes).toString("hex");
const queuesOf = (who: Person) => new Queues(who.db, [who.relay], randomBytes);
/** The queue that one writes into for the other. */
const target = (who: Person, to: Person) => hex(queuesOf(who).contact(to.label)?.senderId);

function paper(who: Person): Buffer {
  const seed = who.identity.masterSeed();
  if (seed === undefined) throw new Error("the seed is kept at first");
  return seed;
}

/** Has a contact write into another queue, as if it were the last word for ever; returns the queue's sender id. */
function lure(thief: Person, victim: Person): string {
  const queues = queuesOf(thief);
  const queue = queues.create(victim.label);
  const control = encodeControl({ kind: "queue", address: queues.address(queue), order: 2 ** 52 });
  new Outbox(thief.db).add(controlLetter(control, randomBytes), [victim.label], Date.now());
  return hex(queue.senderId);
}

test("a thief takes the queues for himself, the owner has the paper: letters come to the owner alone", async () => {
  const [alice, bob] = [person(), person()];
  await verified(alice, bob);
  await bob.send("b1", alice);
  await alice.untilLetters(1);
  await alice.overlay.idle();
  const seed = paper(alice);
  const loot = await copyOf(alice);
  alice.crash();

  const thief = person(loot);
  const lured = lure(thief, bob);
  thief.crash();
  thief.open();
  await bob.until(() => target(bob, alice) === lured);
  await bob.send("into the wrong hands", alice);
  await thief.until(() => thief.contents().includes("into the wrong hands"));

  // The thief reads on in all the queues that he knows while the owner takes them back.
  alice.open();
  await alice.overlay.becomeNewDevice(() => alice.identity.renewAdminKey(seed, Date.now()));
  await bob.until(() => bob.contacts.accountState(alice.label)?.state.devices[0]?.deviceId === 2);
  await bob.until(() => target(bob, alice) !== lured);
  const own = queuesOf(alice).ownOf(bob.label);
  expect(own.map(({ senderId }) => hex(senderId)).indexOf(target(bob, alice) ?? "")).toBe(own.length - 1);
  await bob.send("after", alice);
  await alice.until(() => alice.contents().includes("after"));
  await alice.send("answer", bob);
  await bob.until(() => bob.contents().includes("answer"));
  expect(thief.contents()).not.toContain("after");

  // Nothing that the thief says of queues counts any more.
  const own2 = target(bob, alice);
  lure(thief, bob);
  thief.crash();
  thief.open();
  await bob.send("later", alice);
  await alice.until(() => alice.contents().includes("later"));
  expect(target(bob, alice)).toBe(own2);
  expect(thief.contents()).not.toContain("later");
  expect(bob.contacts.byLabel(alice.label)?.state).toBe("verified");
  expect(alice.contacts.byLabel(bob.label)?.state).toBe("verified");
});

test("no secret of a new queue follows from what the thief has, nor does the contact write into a queue he knows", async () => {
  const [alice, bob] = [person(), person()];
  await verified(alice, bob);
  const known = new Set(
    queuesOf(alice)
      .allOwn()
      .map(({ recipientSeed }) => hex(recipientSeed)),
  );
  await alice.overlay.becomeNewDevice(() => alice.identity.renewAdminKey(paper(alice), Date.now()));
  await bob.until(() => bob.contacts.accountState(alice.label)?.state.devices[0]?.deviceId === 2);
  const fresh = queuesOf(alice)
    .allOwn()
    .filter(({ recipientSeed }) => !known.has(hex(recipientSeed)));
  expect(fresh).toHaveLength(1);
  await bob.until(() => target(bob, alice) === hex(fresh[0]?.senderId));
  // Bob's own queue, into which a thief of Alice's could write, is due to be followed by another.
  const due = bob.db.sqlite
    .prepare(
      "SELECT count(*) FROM overlay_rotation WHERE due_at > 0 AND queue IN (SELECT id FROM overlay_own_queue WHERE label = ?)",
    )
    .pluck();
  expect(due.get(alice.label)).toBe(0);
});

test("killed in the middle of a revocation nothing has happened; killed right after it, the contacts learn of it", async () => {
  const [alice, bob] = [person(), person()];
  await verified(alice, bob);
  const seed = paper(alice);
  const before = alice.identity.accountState().hash;
  const killedWithin = alice.overlay.becomeNewDevice(() => {
    alice.identity.renewAdminKey(seed, Date.now());
    alice.crash();
  });
  await expect(killedWithin).rejects.toThrow();
  alice.open();
  expect(alice.identity.accountState().hash).toEqual(before);
  expect([alice.device.deviceId, alice.identity.holdsAdminKey()]).toEqual([1, true]);

  const { db } = alice;
  await alice.overlay
    .becomeNewDevice(() => {
      alice.identity.renewAdminKey(seed, Date.now());
      db.afterCommit(() => alice.crash());
    })
    .catch(() => undefined);
  alice.open();
  expect([alice.device.deviceId, alice.overlay.active]).toEqual([2, true]);
  await bob.until(() => bob.contacts.accountState(alice.label)?.state.devices[0]?.deviceId === 2);
  await bob.send("to the new device", alice);
  await alice.until(() => alice.contents().includes("to the new device"));
  await alice.send("from the new device", bob);
  await bob.until(() => bob.contents().includes("from the new device"));
});
