import { randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { AddressLabel } from "../../foundation/address.ts";
import { type Clock, systemClock } from "../../foundation/clock.ts";
import { Database } from "../../foundation/database.ts";
import { Failure } from "../../foundation/failure.ts";
import { scheduledCarrier } from "../../overlay-adapter/carriers/scheduled-carrier.ts";
import { tlsCarrier } from "../../overlay-adapter/carriers/tls-carrier.ts";
import { Outbox } from "../../overlay-adapter/letters/outbox.ts";
import { SWEEP_INTERVAL } from "../../overlay-adapter/limits.ts";
import type { QueueAddress } from "../../overlay-adapter/queues/queue-address.ts";
import { QueueRotation } from "../../overlay-adapter/queues/queue-rotation.ts";
import { Queues } from "../../overlay-adapter/queues/queues.ts";
import {
  createRelayClient,
  type RelayClient,
  type RelayClientOptions,
} from "../../overlay-adapter/relay-client/relay-client.ts";
import { overlaySchema } from "../../overlay-adapter/schema.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { befriend, Person } from "./person.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let relays: { readonly relay: Relay; readonly directory: string }[] = [];
let people: Person[] = [];

async function newRelay(): Promise<Relay> {
  const directory = mkdtempSync(join(tmpdir(), "postern-relay-"));
  const relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
  relays.push({ relay, directory });
  return relay;
}

beforeEach(async () => {
  await newRelay();
});

afterEach(async () => {
  await Promise.all(people.map((person) => person.close()));
  await Promise.all(relays.map(({ relay }) => relay.stop().catch(() => undefined)));
  for (const { directory } of relays) rmSync(directory, { recursive: true, force: true });
  people = [];
  relays = [];
});

const first = (): Relay => (relays[0] as { relay: Relay }).relay;

/** So much later, pauses a tenth, and what happens every ten minutes happens at once. */
function later(milliseconds: number): Clock {
  const pause = (delay: number): number => (delay === SWEEP_INTERVAL ? 20 : delay <= 20_000 ? delay / 10 : delay);
  return {
    now: () => Date.now() + milliseconds,
    after: (delay, callback) => systemClock.after(pause(delay), callback),
  };
}

type Extra = ConstructorParameters<typeof Person>[1];

/** Receipts go at once: the clocks here leap over the minutes that they would wait. */
const AT_ONCE: Extra = { receipts: { send: true, longestDelay: 0 } };

async function friends(extra: Extra = {}, others: Extra = {}): Promise<[Person, Person]> {
  const [a, b] = [new Person(first().address, extra), new Person(first().address, others)];
  people.push(a, b);
  await befriend(a, b);
  await a.send("hello", b);
  await b.send("hello", a);
  await Promise.all([a.untilLetters(1), b.untilLetters(1)]);
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  return [a, b];
}

/** Each letter of theirs was acknowledged. */
async function acknowledged(...whom: Person[]): Promise<void> {
  for (const person of whom)
    await person.until(
      () => person.db.sqlite.prepare("SELECT count(*) FROM overlay_sent WHERE receipt = 'awaited'").pluck().get() === 0,
    );
}

async function reopen(clock: Clock, ...whom: Person[]): Promise<void> {
  for (const person of whom) await person.stop();
  for (const person of whom) person.open(person.relay, { clock });
}

/** The sender ids that these two write to each other with, and how many queues each reads. */
const writesTo = (from: Person, to: Person): string =>
  String(
    from.db.sqlite.prepare("SELECT hex(address) FROM overlay_contact_queue WHERE label = ?").pluck().get(to.label),
  );
const queuesOf = ({ db }: Person): number =>
  Number(db.sqlite.prepare("SELECT count(*) FROM overlay_own_queue").pluck().get());
const rotates = ({ db }: Person): number =>
  Number(db.sqlite.prepare("SELECT count(*) FROM overlay_rotation").pluck().get());

const scheduled = (): Extra => ({
  ...AT_ONCE,
  carrier: scheduledCarrier(tlsCarrier(), { mean: 3, clock: systemClock }),
});

test.each<[string, () => Extra]>([
  ["instant", () => AT_ONCE],
  ["scheduled", scheduled],
])(
  "after weeks both write into new queues, in %s mode; letters go on meanwhile, and the old queues end when nothing can be on its way",
  async (_mode, extra) => {
    const [a, b] = await friends(extra(), extra());
    await reopen(later(0), a, b);
    await a.until(() => rotates(a) > 0);
    await b.until(() => rotates(b) > 0);
    const before = [writesTo(a, b), writesTo(b, a)];
    await acknowledged(a, b);
    await reopen(later(91 * DAY), a, b);
    await a.until(() => writesTo(a, b) !== before[0]);
    await b.until(() => writesTo(b, a) !== before[1]);
    expect([queuesOf(a), queuesOf(b)]).toEqual([2, 2]);
    for (let n = 0; n < 5; n++) {
      await a.send(`from a ${n}`, b);
      await b.send(`from b ${n}`, a);
    }
    await Promise.all([a.untilLetters(6), b.untilLetters(6)]);
    await acknowledged(a, b);

    await reopen(later(120 * DAY), a, b);
    await a.send("soon after", b);
    await b.send("soon after", a);
    await Promise.all([a.untilLetters(7), b.untilLetters(7)]);
    expect([queuesOf(a), queuesOf(b)]).toEqual([2, 2]);
    await acknowledged(a, b);

    await reopen(later(127 * DAY), a, b);
    await a.until(() => queuesOf(a) === 1);
    await b.until(() => queuesOf(b) === 1);
    while (first().counts().queues > 2) await new Promise((resolve) => setImmediate(resolve));
    await a.send("long after", b);
    await b.send("long after", a);
    await Promise.all([a.untilLetters(8), b.untilLetters(8)]);
    expect([a.count("gap"), b.count("gap")]).toEqual([0, 0]);
    expect([a.count("failed"), b.count("failed")]).toEqual([0, 0]);
  },
  60_000,
);

test("a queue that is followed by another while letters to it are carried by hand: each arrives once", async () => {
  const [a, b] = await friends(AT_ONCE, AT_ONCE);
  await reopen(later(0), a, b);
  await b.until(() => rotates(b) > 0);
  await acknowledged(a, b);
  // Without a receipt for 80 days a letter has failed: it is written when the queue has some weeks left.
  await reopen(later(40 * DAY), a, b);
  const stick = mkdtempSync(join(tmpdir(), "postern-stick-"));
  a.overlay.carrying.setByHand(b.label, true);
  await a.send("for the old queue", b);
  await a.until(() => a.overlay.carrying.waiting() > 0);
  await a.overlay.carrying.export(stick);
  const before = writesTo(a, b);
  await reopen(later(91 * DAY), a, b);
  await a.until(() => writesTo(a, b) !== before);
  await a.send("for the new one", b);
  await a.until(() => a.overlay.status().waiting === 0);
  await a.overlay.carrying.export(stick);
  await b.overlay.carrying.import(stick);
  await b.until(() => b.letters().length >= 3);
  await b.overlay.carrying.import(stick);
  await b.overlay.idle();
  // Two queues have no order between them.
  expect(b.contents().toSorted()).toEqual(["for the new one", "for the old queue", "hello"]);
  expect([a.count("failed"), b.count("gap")]).toEqual([0, 0]);
  rmSync(stick, { recursive: true });
}, 60_000);

test("a letter that is half in the old queue when the new one is told arrives once, by the new one", async () => {
  let room = Number.POSITIVE_INFINITY;
  const connect = (options: RelayClientOptions): RelayClient => {
    const client = createRelayClient(options);
    const send: RelayClient["send"] = (...cell) =>
      room-- > 0 ? client.send(...cell) : Promise.reject(new Failure("unavailable", "no network"));
    return { ...client, send };
  };
  const [a, b] = await friends({ connect });
  await reopen(later(0), a, b);
  await b.until(() => rotates(b) > 0);
  const before = writesTo(a, b);
  room = 5;
  await a.send(randomBytes(250_000), b);
  const halfway = (): boolean =>
    a.db.sqlite
      .prepare("SELECT count(*) FROM overlay_delivery WHERE accepted > 0 AND state = 'encrypted'")
      .pluck()
      .get() === 1;
  await a.until(halfway);
  await reopen(later(91 * DAY), b);
  await a.until(() => writesTo(a, b) !== before);
  room = Number.POSITIVE_INFINITY;
  await b.untilLetters(2);
  await a.send("behind", b);
  await b.untilLetters(3);
  expect(b.letters().map(({ size }) => size)).toEqual([5, 250_000, 6]);
  expect(a.count("failed")).toBe(0);
}, 60_000);

test("a relay that dies: its queues move to the next one, and letters arrive there", async () => {
  const spare = await newRelay();
  const [a, b] = [
    new Person((await newRelay()).address, { spareRelays: [spare.address] }),
    new Person(first().address),
  ];
  people.push(a, b);
  await befriend(a, b);
  await a.send("hello", b);
  await b.send("hello", a);
  await Promise.all([a.untilLetters(1), b.untilLetters(1)]);
  let clock = later(0);
  let sweeps = 0;
  const moving: Clock = {
    now: () => clock.now(),
    after(delay, callback) {
      if (delay === SWEEP_INTERVAL) sweeps++;
      return clock.after(delay, callback);
    },
  };
  await reopen(moving, a, b);
  await a.until(() => rotates(a) > 0);
  const before = writesTo(b, a);
  await relays[2]?.relay.stop();
  await b.send("while it is dead", a);
  // An hour is no reason to move.
  clock = later(HOUR);
  const swept = sweeps;
  await a.until(() => sweeps > swept + 20);
  expect(writesTo(b, a)).toBe(before);
  clock = later(8 * HOUR);
  await b.until(() => writesTo(b, a) !== before);
  await a.untilLetters(2);
  expect(a.contents()).toEqual(["hello", "while it is dead"]);
  expect(spare.counts().queues).toBe(1);
  expect(b.count("failed")).toBe(0);
}, 60_000);

test("a home that was restored from a copy a month old finds the queue that its contact has moved to meanwhile", async () => {
  const [a, b] = await friends();
  await reopen(later(0), a, b);
  await a.until(() => rotates(a) > 0);
  a.crash();
  const copy = mkdtempSync(join(tmpdir(), "postern-copy-"));
  cpSync(a.home, copy, { recursive: true });
  a.open(a.relay, { clock: later(91 * DAY) });
  const before = writesTo(b, a);
  await b.until(() => writesTo(b, a) !== before);
  a.crash();
  rmSync(a.home, { recursive: true });
  cpSync(copy, a.home, { recursive: true });
  rmSync(copy, { recursive: true });
  await b.send("to the new queue", a);
  a.open(a.relay, { clock: later(92 * DAY) });
  await a.until(() => a.contents().includes("to the new queue"));
}, 60_000);

test("an address that is older than the one that was heard is passed over, after a crash too", () => {
  const db = new Database(":memory:");
  db.migrate(overlaySchema);
  const relay = first().address;
  const label = "a".repeat(52) as AddressLabel;
  const queues = new Queues(db, [relay], randomBytes);
  const open = (): QueueRotation =>
    new QueueRotation({
      db,
      queues,
      outbox: new Outbox(db),
      clock: systemClock,
      random: randomBytes,
      relays: [relay],
      connected: () => true,
      answers: async () => true,
      quiet: () => true,
      read: () => undefined,
      wakeSender: () => undefined,
    });
  const address = (): QueueAddress => queues.address(queues.create(label));
  const [one, two, three] = [address(), address(), address()];
  expect(open().hear(label, two, 20)).toBe(true);
  for (const order of [1, 19, 20]) expect(open().hear(label, one, order)).toBe(false);
  expect(queues.contact(label)).toEqual(two);
  expect(open().hear(label, three, 21)).toBe(true);
  expect(queues.contact(label)).toEqual(three);
  db.close();
});
