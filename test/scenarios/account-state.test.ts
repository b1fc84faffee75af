import { expect, test } from "@jest/globals";
import { RENEWAL_PAUSE } from "../../overlay-adapter/limits.ts";
import type { OverlayOptions } from "../../overlay-adapter/overlay.ts";
import { createRelayClient } from "../../overlay-adapter/relay-client/relay-client.ts";
import type { Person } from "../overlay-adapter/person.ts";
import { cast, SkippingClock, verified } from "./cast.ts";

const { person, copyOf } = cast();
const DAY = 24 * 3_600_000;

const pinnedOf = (who: Person, of: Person) => who.contacts.accountState(of.label);

function change(who: Person, work: () => unknown): void {
  who.db.transaction(() => {
    work();
    who.overlay.announceState();
  });
}

/** Somebody else's device in one's own list, with keys that nobody has. */
function addDevice(who: Person, deviceId: number): void {
  const identityKey = Buffer.from(who.device.identityKey);
  identityKey[32] = (identityKey[32] ?? 0) ^ deviceId;
  change(who, () =>
    who.identity.changeAccountState(({ devices }) => ({
      devices: [...devices, { deviceId, registrationId: 1, identityKey }],
    })),
  );
}

/** What the relay does with the cells that somebody sends. */
interface Tampering {
  readonly extra: Partial<OverlayOptions>;
  /** Says yes, and throws the cell away. */
  drop: boolean;
  readonly cells: Buffer[];
  replay(): Promise<void>;
}

function tamper(): Tampering {
  let again: ((cell: Buffer) => Promise<unknown>) | undefined;
  const tampering: Tampering = {
    drop: false,
    cells: [],
    async replay() {
      for (const cell of tampering.cells.splice(0)) await again?.(cell);
    },
    extra: {
      connect: (options) => {
        const client = createRelayClient(options);
        return {
          ...client,
          send: async (relay, queue, cell) => {
            again ??= (old) => client.send(relay, queue, old);
            if (tampering.drop) return "accepted";
            tampering.cells.push(Buffer.from(cell));
            return client.send(relay, queue, cell);
          },
        };
      },
    },
  };
  return tampering;
}

test("a new admin key reaches every contact by itself, before the old one ends", async () => {
  const clock = new SkippingClock();
  const [alice, bob, carol] = [
    person(undefined, { clock }),
    person(undefined, { clock }),
    person(undefined, { clock }),
  ];
  await verified(alice, bob);
  await verified(alice, carol);
  const seed = alice.identity.masterSeed();
  if (seed === undefined) throw new Error("the seed is kept at first");
  clock.skip(300 * DAY);
  const renewed = alice.identity.renewAdminKey(seed, clock.now());
  change(alice, () => renewed);
  await alice.until(() => pinnedOf(bob, alice)?.hash.equals(renewed.hash) === true);
  await alice.until(() => pinnedOf(carol, alice)?.hash.equals(renewed.hash) === true);
  clock.skip(100 * DAY);
  // The first key would have ended by now; the second one still signs what contacts believe.
  change(alice, () => alice.identity.changeAccountState(() => ({ relays: ["somewhere"] })));
  await alice.until(() => pinnedOf(bob, alice)?.state.relays[0] === "somewhere");
  expect(bob.contacts.byLabel(alice.label)?.state).toBe("verified");
});

test("a relay that hides a revocation is found out by the next letter", async () => {
  const relay = tamper();
  const [alice, bob] = [person(undefined, relay.extra), person()];
  await verified(alice, bob);
  addDevice(alice, 7);
  await bob.until(() => pinnedOf(bob, alice)?.state.devices.length === 2);
  await alice.overlay.idle();
  relay.drop = true;
  change(alice, () => alice.identity.revokeDevice(7));
  await alice.overlay.idle();
  relay.drop = false;
  expect(pinnedOf(bob, alice)?.state.devices).toHaveLength(2);
  await alice.send("after the revocation", bob);
  await bob.until(() => pinnedOf(bob, alice)?.state.revoked.length === 1);
  expect(pinnedOf(bob, alice)?.state.devices.map(({ deviceId }) => deviceId)).toEqual([1]);
  await bob.until(() => bob.contents().includes("after the revocation"));
});

test("a relay that sends old states again rolls nothing back", async () => {
  const relay = tamper();
  const [alice, bob] = [person(undefined, relay.extra), person()];
  await verified(alice, bob);
  addDevice(alice, 7);
  await bob.until(() => pinnedOf(bob, alice)?.state.devices.length === 2);
  change(alice, () => alice.identity.revokeDevice(7));
  await bob.until(() => pinnedOf(bob, alice)?.state.revoked.length === 1);
  const before = pinnedOf(bob, alice)?.hash;
  await relay.replay();
  await alice.send("later", bob);
  await bob.until(() => bob.contents().includes("later"));
  expect(pinnedOf(bob, alice)?.hash).toEqual(before);
  expect(bob.contents()).toEqual(["later"]);
  expect(bob.count("contact-frozen")).toBe(0);
});

test("two states that claim one place freeze the contact, and the user is told", async () => {
  const [alice, bob] = [person(), person()];
  await verified(alice, bob);
  const other = await copyOf(alice);
  addDevice(alice, 7);
  await bob.until(() => pinnedOf(bob, alice)?.state.devices.length === 2);
  const thief = person(other);
  addDevice(thief, 8);
  await bob.untilEvent("contact-frozen");
  expect(bob.contacts.byLabel(alice.label)?.state).toBe("frozen");
  await bob.send("to whom?", alice);
  await bob.until(() => bob.events.some((event) => event.kind === "failed" && event.reason === "refused"));
});

test("a thief of the admin key adds a device and reads; after the paper key has spoken it reads nothing newer", async () => {
  const clock = new SkippingClock();
  const [alice, bob] = [person(), person(undefined, { clock })];
  await verified(alice, bob);
  const seed = alice.identity.masterSeed();
  if (seed === undefined) throw new Error("the seed is kept at first");
  const loot = await copyOf(alice);
  alice.crash();
  const thief = person(loot);
  thief.db.transaction(() => {
    const key = thief.device.replace({ random: (length) => Buffer.alloc(length, 5), deviceId: 9 });
    thief.identity.changeAccountState(({ devices }) => ({ devices: [...devices, key] }));
    thief.overlay.announceState();
  });
  await bob.until(() => pinnedOf(bob, alice)?.state.devices.length === 2);
  await bob.until(() => bob.device.sessionDevices(alice.label).includes(9));
  await bob.send("before", alice);
  await thief.until(() => thief.contents().includes("before"));
  await thief.overlay.idle();
  thief.crash();

  // A letter of the owner's is enough to learn of the thief's device; Bob tells what he knows every ten minutes at most.
  clock.skip(RENEWAL_PAUSE);
  alice.open();
  await alice.send("hello", bob);
  await alice.untilEvent("devices-changed");
  await alice.overlay.becomeNewDevice(() => alice.identity.renewAdminKey(seed, Date.now(), [9]));
  await bob.until(
    () =>
      pinnedOf(bob, alice)
        ?.state.devices.map(({ deviceId }) => deviceId)
        .join() === "10",
  );
  await alice.send("it is me again", bob);
  await bob.until(() => bob.contents().includes("it is me again"));
  thief.open();
  await bob.send("after", alice);
  await alice.until(() => alice.contents().includes("after"));
  expect(thief.contents()).not.toContain("after");
  expect(bob.device.sessionDevices(alice.label)).toEqual([10]);
  // The stolen key certifies nothing any more.
  const before = pinnedOf(bob, alice)?.hash;
  const forged = thief.identity.changeAccountState(() => ({ relays: ["thief's"] }));
  expect(bob.contacts.pinAccountState(alice.label, forged.bytes).kind).toBe("rollback");
  expect(pinnedOf(bob, alice)?.hash).toEqual(before);
});
