import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { recoverAccount } from "../../bridge/home/recover-account.ts";
import { Database } from "../../foundation/database.ts";
import { recoverySecret } from "../../keyring/recovery-secret.ts";
import { tlsCarrier } from "../../overlay-adapter/carriers/tls-carrier.ts";
import { SWEEP_INTERVAL } from "../../overlay-adapter/limits.ts";
import { findRecord, type RecordSearch } from "../../overlay-adapter/recovery/find-record.ts";
import { RECORD_REFRESH } from "../../overlay-adapter/recovery/limits.ts";
import { recordSlot } from "../../overlay-adapter/recovery/record-cells.ts";
import { createRelayClient } from "../../overlay-adapter/relay-client/relay-client.ts";
import { startRelay } from "../../relay/relay.ts";
import { parseRelayUrl, withoutToken } from "../../relay/relay-url.ts";
import { type HomeCopy, Person } from "../overlay-adapter/person.ts";
import { cast, verified } from "./cast.ts";
import { DaysClock } from "./days-clock.ts";

const { person, relay } = cast();

function paper(who: Person): Buffer {
  const seed = who.identity.masterSeed();
  if (seed === undefined) throw new Error("the seed is kept at first");
  return seed;
}

async function search(seed: Buffer, at = [relay()]): Promise<RecordSearch> {
  const client = createRelayClient({ carrier: tlsCarrier() });
  try {
    // The sheet of paper has no token.
    return await findRecord(client, at.map(withoutToken), seed);
  } finally {
    await client.close();
  }
}

/** A home on a new machine, made from the words alone; nothing runs on it yet. */
async function recover(seed: Buffer, found?: RecordSearch, relays = [relay()]): Promise<HomeCopy> {
  const copy = { home: mkdtempSync(join(tmpdir(), "postern-recovered-")), key: randomBytes(32) };
  const db = new Database(join(copy.home, "postern.db"), copy.key);
  await recoverAccount({
    db,
    home: copy.home,
    masterSeed: seed,
    search: found ?? (await search(seed, relays)),
    relays,
    now: Date.now(),
  });
  db.close();
  return copy;
}

const names = (found: RecordSearch) => found.found?.record.contacts.map(({ label }) => label).sort();

async function untilRecorded(who: Person, seed: Buffer, contacts: readonly Person[], at = [relay()]): Promise<void> {
  const wanted = JSON.stringify(contacts.map(({ label }) => label).sort());
  while (JSON.stringify(names(await search(seed, at))) !== wanted)
    await new Promise((resolve) => setTimeout(resolve, 50));
  await who.overlay.idle();
}

test("from the words alone: letters go both ways again, what was on its way comes, and contacts stay verified", async () => {
  const clock = new DaysClock();
  const alice = person(undefined, { keepsRecord: true, clock });
  const [bob, carol] = [person(), person()];
  await verified(alice, bob);
  await verified(alice, carol);
  await alice.send("a1", bob);
  await bob.send("b1", alice);
  await Promise.all([bob.untilLetters(1), alice.untilLetters(1)]);
  const seed = paper(alice);
  // The record says how far a contact is known, too.
  clock.pass(SWEEP_INTERVAL);
  await untilRecorded(alice, seed, [bob, carol]);
  await alice.close();
  await bob.send("while nobody was there", alice);
  await bob.overlay.idle();

  const again = person(await recover(seed));
  expect(again.label).toBe(alice.label);
  expect(again.identity.masterSeed()).toBeUndefined();
  await again.until(() => again.contents().includes("while nobody was there"));
  await again.until(() => again.overlay.reached().every(({ state }) => state === "answered"));
  await again.send("it is me", bob, carol);
  await Promise.all([bob, carol].map((one) => one.until(() => one.contents().includes("it is me"))));
  await carol.send("welcome back", again);
  await again.until(() => again.contents().includes("welcome back"));
  for (const one of [bob, carol]) {
    expect(one.contacts.byLabel(again.label)?.state).toBe("verified");
    const state = one.contacts.accountState(again.label)?.state;
    expect(state?.devices.map(({ identityKey }) => identityKey)).toEqual([again.device.identityKey]);
    expect(state?.revoked).toHaveLength(1);
    expect(one.count("contact-frozen") + one.count("copy-running") + one.count("failed")).toBe(0);
  }
  expect(again.contacts.byLabel(bob.label)?.state).toBe("verified");
  expect(again.contents().filter((content) => content === "b1")).toEqual([]);
});

test("the lost machine in a thief's hands reads nothing newer, stops, and cannot touch the new record", async () => {
  const alice = person(undefined, { keepsRecord: true });
  const bob = person();
  await verified(alice, bob);
  const seed = paper(alice);
  await untilRecorded(alice, seed, [bob]);
  const again = person(await recover(seed), { keepsRecord: true });
  await again.until(() => again.overlay.reached().every(({ state }) => state === "answered"));
  await bob.send("for the owner", again);
  await again.until(() => again.contents().includes("for the owner"));
  expect(alice.contents()).not.toContain("for the owner");
  // The next secret is not the thief's; the record under his is gone.
  let now = await search(seed);
  while (now.found?.generation !== 1 || now.traces.some(({ generation }) => generation === 0)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    now = await search(seed);
  }
  expect(names(now)).toEqual([bob.label]);
  const { revoked } = again.identity.accountState().state;
  expect(revoked.some((key) => key.equals(alice.device.identityKey))).toBe(true);
});

test("machine and relay are lost together: the record at the spare relay leads back", async () => {
  const directory = mkdtempSync(join(tmpdir(), "postern-lost-relay-"));
  const lost = await startRelay({ directory, host: "127.0.0.1", port: 0 });
  const alice = new Person(parseRelayUrl(lost.url), { keepsRecord: true, spareRelays: [relay()] });
  try {
    const bob = person();
    await verified(alice, bob);
    const seed = paper(alice);
    await untilRecorded(alice, seed, [bob], [relay()]);
    await alice.close();
    await lost.stop();
    // The lost relay still stands on the paper; nothing answers there.
    const found = await search(seed, [parseRelayUrl(lost.url), relay()]);
    const again = person(await recover(seed, found, [relay()]), { keepsRecord: true });
    await again.until(() => again.overlay.reached().every(({ state }) => state === "answered"));
    await bob.send("found again", again);
    await again.until(() => again.contents().includes("found again"));
    await again.send("so have I", bob);
    await bob.until(() => bob.contents().includes("so have I"));
    expect(bob.contacts.byLabel(again.label)?.state).toBe("verified");
  } finally {
    await alice.close();
    rmSync(directory, { recursive: true, force: true });
  }
});

test("recovery that is killed before the bridge has told anybody goes on at its next start", async () => {
  const alice = person(undefined, { keepsRecord: true });
  const bob = person();
  await verified(alice, bob);
  const seed = paper(alice);
  await untilRecorded(alice, seed, [bob]);
  await alice.close();
  // Two tries that came to nothing leave no trace at the relay or with anybody.
  const found = await search(seed);
  await recover(seed, found);
  const again = person(await recover(seed, found));
  again.crash();
  again.open();
  await again.until(() => again.overlay.reached().every(({ state }) => state === "answered"));
  await bob.send("there you are", again);
  await again.until(() => again.contents().includes("there you are"));
});

test("a relay that gives out an older record misleads nobody: contacts' newer states win, and so does the paper", async () => {
  const alice = person(undefined, { keepsRecord: true });
  const bob = person();
  await verified(alice, bob);
  const seed = paper(alice);
  await untilRecorded(alice, seed, [bob]);
  const old = await search(seed);
  // Since then Alice has become another device, and Bob too.
  for (const one of [alice, bob]) {
    const key = paper(one);
    await one.overlay.becomeNewDevice(() => one.identity.renewAdminKey(key, Date.now()));
  }
  await alice.until(() => alice.contacts.accountState(bob.label)?.state.devices[0]?.deviceId === 2);
  await bob.until(() => bob.contacts.accountState(alice.label)?.state.devices[0]?.deviceId === 2);
  await alice.send("still here", bob);
  await bob.until(() => bob.contents().includes("still here"));
  await alice.close();
  const again = person(await recover(seed, old));
  await again.until(() => again.contacts.accountState(bob.label)?.state.devices[0]?.deviceId === 2);
  await bob.until(() => {
    const devices = bob.contacts.accountState(again.label)?.state.devices;
    return devices?.length === 1 && devices[0]?.identityKey.equals(again.device.identityKey) === true;
  });
  await again.send("me again", bob);
  await bob.until(() => bob.contents().includes("me again"));
  await bob.send("and me", again);
  await again.until(() => again.contents().includes("and me"));
  expect(bob.contacts.byLabel(again.label)?.state).toBe("verified");
  expect(bob.count("contact-frozen") + again.count("contact-frozen")).toBe(0);
});

test("a record is written by turns into two places: killed in the middle of one, the other is whole", async () => {
  let seed: Buffer | undefined;
  let stalled = false;
  const alice = person(undefined, {
    keepsRecord: true,
    connect: (options) => {
      const client = createRelayClient(options);
      return {
        ...client,
        putSlot: async (at, slot, ...rest) => {
          const second = seed && recordSlot(recoverySecret(seed, 0).secret, 1, 0).slotId;
          if (second?.equals(slot.slotId) && !stalled) {
            // The old cell is gone, the new one never comes.
            stalled = true;
            await new Promise(() => undefined);
          }
          await client.putSlot(at, slot, ...rest);
        },
      };
    },
  });
  const bob = person();
  seed = paper(alice);
  await alice.until(() => alice.overlay.recordWrittenAt() !== undefined);
  await verified(alice, bob);
  await alice.until(() => stalled);
  expect(names(await search(seed))).toEqual([]);
  alice.crash();
  alice.open();
  await untilRecorded(alice, seed, [bob]);
});

test("a record is written anew each month, though nothing has changed, and shows nothing of the number of contacts", async () => {
  const clock = new DaysClock();
  const alice = person(undefined, { keepsRecord: true, clock });
  const seed = paper(alice);
  await alice.until(() => alice.overlay.recordWrittenAt() !== undefined);
  const first = (await search(seed)).found?.version ?? 0;
  const before = alice.overlay.recordWrittenAt() ?? 0;
  clock.pass(RECORD_REFRESH);
  await alice.until(() => (alice.overlay.recordWrittenAt() ?? 0) >= before + RECORD_REFRESH);
  const second = await search(seed);
  expect(second.found?.version).toBeGreaterThan(first);
  expect(second.traces.map(({ cells }) => cells)).toEqual([1, 1]);
});

test("other words find nothing, and what a thief finds in the vault leads to no other record", async () => {
  const alice = person(undefined, { keepsRecord: true });
  const seed = paper(alice);
  await alice.until(() => alice.overlay.recordWrittenAt() !== undefined);
  expect((await search(randomBytes(32))).found).toBeUndefined();
  const slots = [0, 1].flatMap((generation) => {
    const { secret } = recoverySecret(seed, generation);
    return ([0, 1] as const).map((place) => recordSlot(secret, place, 0).slotId.toString("hex"));
  });
  expect(new Set(slots).size).toBe(4);
});
