import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { type Clock, systemClock } from "../../foundation/clock.ts";
import { tlsCarrier } from "../../overlay-adapter/carriers/tls-carrier.ts";
import type { DropReason } from "../../overlay-adapter/events.ts";
import { SWEEP_INTERVAL } from "../../overlay-adapter/limits.ts";
import { decodeInnerCell, encodeInnerCell, type InnerCell } from "../../overlay-adapter/queues/cell.ts";
import { openCell, sealCell } from "../../overlay-adapter/queues/cell-seal.ts";
import { decodeQueueAddress, type QueueAddress } from "../../overlay-adapter/queues/queue-address.ts";
import {
  createRelayClient,
  type RelayClient,
  type RelayClientOptions,
} from "../../overlay-adapter/relay-client/relay-client.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { DAY, DaysClock } from "../scenarios/days-clock.ts";
import { befriend, Person } from "./person.ts";

let directory: string;
let relay: Relay;
let raw: RelayClient;
const people: Person[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-relay-"));
  relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
  raw = createRelayClient({ carrier: tlsCarrier() });
});

afterEach(async () => {
  await Promise.all(people.splice(0).map((person) => person.close()));
});

afterAll(async () => {
  await raw.close();
  await relay.stop();
  await rm(directory, { recursive: true });
});

/** Two contacts; the first one's cells go through hands that keep, change or hold them back. */
async function tapped(extra: ConstructorParameters<typeof Person>[1] = {}): Promise<{
  a: Person;
  b: Person;
  cells: Buffer[];
  tap: { held: boolean };
  left: number;
  address: QueueAddress;
}> {
  const cells: Buffer[] = [];
  const tap = { held: false };
  const connect = (options: RelayClientOptions): RelayClient => {
    const client = createRelayClient(options);
    const send: RelayClient["send"] = (at, queue, cell) => {
      cells.push(Buffer.from(cell));
      return tap.held ? Promise.resolve("accepted") : client.send(at, queue, cell);
    };
    return { ...client, send };
  };
  const [a, b] = [new Person(relay.address, { connect, ...extra }), new Person(relay.address, extra)];
  people.push(a, b);
  await befriend(a, b, extra.clock);
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  cells.length = 0;
  const stored = a.db.sqlite.prepare("SELECT address FROM overlay_contact_queue WHERE label = ?").pluck().get(b.label);
  const left = relay.counts().cells;
  return { a, b, cells, tap, left, address: decodeQueueAddress(stored as Buffer) };
}

async function inject(address: QueueAddress, cell: Buffer): Promise<void> {
  expect(await raw.send(address.relay, address, cell)).toBe("accepted");
}

function dropped(person: Person, reason: DropReason): number {
  return person.overlay.status().dropped[reason] ?? 0;
}

/** The cell with one byte of its inside changed, sealed anew as one who knows the queue's key could. */
function tampered(address: QueueAddress, cell: Buffer, at: number): Buffer {
  const inner = Buffer.from(openCell(address.queueKey, "postern cell 1", cell) ?? Buffer.alloc(0));
  inner.writeUInt8(inner.readUInt8(at) ^ 1, at);
  return sealCell(address.queueKey, "postern cell 1", inner, randomBytes(12));
}

test("a cell that comes twice is opened once, and one that is replayed later too", async () => {
  const { a, b, cells, address } = await tapped();
  await a.send("once", b);
  await b.untilLetters(1);
  const [cell] = cells as [Buffer];
  await inject(address, cell);
  await inject(address, cell);
  await b.until(() => dropped(b, "duplicate") >= 2);
  b.crash();
  b.open();
  await inject(address, cell);
  await b.until(() => dropped(b, "duplicate") > 0);
  expect(b.contents()).toEqual(["once"]);
});

test("a letter's cell is known as a repetition for 90 days, and after that its key is gone", async () => {
  const clock = new DaysClock();
  const { a, b, cells, address } = await tapped({ clock });
  await a.send("once", b);
  await b.untilLetters(1);
  const [cell] = cells as [Buffer];
  const ledger = () => b.db.sqlite.prepare("SELECT count(*) FROM overlay_received").pluck().get() as number;
  const again = async (days: number) => {
    await b.overlay.idle();
    clock.pass(days * DAY);
    b.crash();
    b.open();
    await inject(address, cell);
  };
  await again(89);
  await b.until(() => dropped(b, "duplicate") > 0);
  expect(ledger()).toBeGreaterThan(0);
  await again(2);
  await b.until(() => dropped(b, "reused") > 0);
  expect(b.contents()).toEqual(["once"]);
});

test("a letter that another device could open and this one could not is noticed, asked for, and comes", async () => {
  const { a, b, cells, tap, address } = await tapped();
  tap.held = true;
  const id = await a.send("for all devices", b);
  await a.overlay.idle();
  const inner = decodeInnerCell(openCell(address.queueKey, "postern cell 1", cells[0] as Buffer) as Buffer);
  if (inner.kind !== "letter") throw new Error("a letter's cell was expected");
  tap.held = false;
  const slots = inner.slots.map((slot) => ({ ...slot, deviceId: 2 }));
  const withheld = encodeInnerCell({ ...inner, slots });
  await inject(address, sealCell(address.queueKey, "postern cell 1", withheld, randomBytes(12)));
  await b.untilLetters(1);
  expect(b.letters()).toMatchObject([{ id: id.toString("hex"), content: "for all devices" }]);
  expect(dropped(b, "elsewhere")).toBe(1);
});

/** The insides of two letters' first cells that were never sent, and a way to send others in their place. */
async function twoHeld() {
  const { a, b, cells, tap, address } = await tapped();
  tap.held = true;
  await a.send("what this device is told", b);
  await a.send("what another is told", b);
  await a.overlay.idle();
  const [mine, others] = cells.map((cell) =>
    decodeInnerCell(openCell(address.queueKey, "postern cell 1", cell) as Buffer),
  );
  if (mine?.kind !== "letter" || others?.kind !== "letter") throw new Error("letters' cells were expected");
  const slots = [...mine.slots, ...others.slots.map((slot) => ({ ...slot, deviceId: 2 }))];
  const send = (inner: InnerCell) =>
    inject(address, sealCell(address.queueKey, "postern cell 1", encodeInnerCell(inner), randomBytes(12)));
  return { b, mine, others, slots, send };
}

test("devices that are promised different bodies: whoever was promised another one than there is drops it", async () => {
  const { b, mine, others, slots, send } = await twoHeld();
  await send({ ...others, tag: mine.tag, slots, commitment: mine.commitment });
  await b.until(() => dropped(b, "altered") === 1);
  expect(b.contents()).toEqual([]);
});

test("one body for two devices that were told different keys: a first cell fits the header of one of them at most", async () => {
  const { b, mine, others, slots, send } = await twoHeld();
  expect(mine.commitment.equals(others.commitment)).toBe(false);
  // The chunk opens with this device's key, to what its header promises; only the commitment is the other's.
  await send({ ...mine, slots, commitment: others.commitment });
  await b.until(() => dropped(b, "altered") === 1);
  expect(b.contents()).toEqual([]);
});

test("damaged, forged and altered cells are dropped by their reason, and the letter behind them arrives", async () => {
  const { a, b, cells, tap, address, left } = await tapped();
  tap.held = true;
  await a.send("first", b);
  await a.send("second", b);
  await a.overlay.idle();
  const [cell, next] = cells as [Buffer, Buffer];
  const flipped = Buffer.from(cell);
  flipped.writeUInt8(flipped.readUInt8(5000) ^ 1, 5000);
  await inject(address, flipped);
  await inject(address, randomBytes(cell.length));
  await inject(address, tampered(address, cell, 0));
  await inject(address, tampered(address, cell, 23 + 4 + 40));
  await inject(address, tampered(address, next, 23 + 4096 + 100));
  await b.until(() => dropped(b, "damaged") === 3 && dropped(b, "undecryptable") === 1 && dropped(b, "altered") === 1);
  // The one that did not open is asked for, and sent again: that is held back, too.
  await a.until(() => cells.length > 2);
  await a.overlay.idle();
  tap.held = false;
  await a.send("third", b);
  await b.untilLetters(1);
  expect(b.contents()).toEqual(["third"]);
  await b.overlay.idle();
  expect(relay.counts().cells).toBe(left);
});

test("a large letter one of whose cells is altered never becomes visible", async () => {
  const { a, b, cells, tap, address, left } = await tapped();
  tap.held = true;
  await a.send(randomBytes(250_000), b);
  await a.overlay.idle();
  expect(cells).toHaveLength(16);
  for (const [at, cell] of cells.entries()) await inject(address, at === 11 ? tampered(address, cell, 9000) : cell);
  tap.held = false;
  await a.send("after", b);
  await b.untilLetters(1);
  expect(b.contents()).toEqual(["after"]);
  await b.until(() => dropped(b, "altered") > 0);
  await b.overlay.idle();
  expect(relay.counts().cells).toBe(left);
});

/** Two hours later, and what happens every ten minutes happens at once. */
const TWO_HOURS_LATER: Clock = {
  now: () => Date.now() + 2 * 3_600_000,
  after: (delay, callback) => systemClock.after(Math.min(delay, 20), callback),
};

const noted = ({ db }: Person): unknown => db.sqlite.prepare("SELECT count(*) FROM overlay_missing").pluck().get();

test("letters in any order open each once; what comes late was never told as missing", async () => {
  const { a, b, cells, tap, address } = await tapped();
  tap.held = true;
  const sent = Array.from({ length: 8 }, (_, n) => `letter ${n}`);
  for (const content of sent) await a.send(content, b);
  await a.overlay.idle();
  const order = fc.sample(fc.shuffledSubarray(cells, { minLength: 8 }), { numRuns: 1, seed: 7 })[0] ?? [];
  for (const cell of order.slice(0, 4)) await inject(address, cell);
  await b.untilLetters(4);
  expect(noted(b)).toBeGreaterThan(0);
  for (const cell of order.slice(4)) await inject(address, cell);
  await b.untilLetters(8);
  expect(new Set(b.contents())).toEqual(new Set(sent));
  expect(noted(b)).toBe(0);
  expect(b.count("gap")).toBe(0);
});

test("a letter that never comes is told as a gap after a while, until it is settled", async () => {
  const { a, b, tap } = await tapped();
  tap.held = true;
  await a.send("lost", b);
  await a.overlay.idle();
  tap.held = false;
  await a.send("here", b);
  await b.untilLetters(1);
  await b.overlay.idle();
  expect(b.count("gap")).toBe(0);
  b.crash();
  b.open(relay.address, { clock: TWO_HOURS_LATER });
  await b.until(() => b.count("gap") >= 2);
  const gap = b.events.find((event) => event.kind === "gap");
  expect(gap).toMatchObject({ from: a.label, deviceId: 1, missing: 1 });
  if (gap?.kind === "gap") b.db.transaction(() => b.overlay.settleGap(gap));
  const told = b.count("gap");
  b.crash();
  let looks = 0;
  const after: Clock["after"] = (delay, callback) => {
    if (delay === SWEEP_INTERVAL) looks++;
    return TWO_HOURS_LATER.after(delay, callback);
  };
  b.open(relay.address, { clock: { ...TWO_HOURS_LATER, after } });
  await b.until(() => looks > 6);
  expect(b.count("gap")).toBe(told);
});

test("a large letter whose cells come with repetitions and leaps backwards is put together once", async () => {
  const { a, b, cells, tap, address, left } = await tapped();
  tap.held = true;
  await a.send(randomBytes(250_000), b);
  await a.overlay.idle();
  // As a sender that was refused at the fourth cell: some behind it got through, then all again from there.
  for (const at of [0, 1, 2, 4, 5, 3, 4, 5, 6, 7]) await inject(address, cells[at] as Buffer);
  for (const cell of cells.slice(6)) await inject(address, cell);
  await b.untilLetters(1);
  await b.overlay.idle();
  expect(b.letters()).toMatchObject([{ size: 250_000 }]);
  expect(relay.counts().cells).toBe(left);
});

test("somebody who has the queue's address but no session gets nothing across", async () => {
  const { a, b, cells, address } = await tapped();
  const c = new Person(relay.address);
  people.push(c);
  await befriend(c, b);
  await a.send("from a", b);
  await b.untilLetters(1);
  const inner = decodeInnerCell(openCell(address.queueKey, "postern cell 1", cells[0] as Buffer) as Buffer);
  if (inner.kind !== "letter") throw new Error("a letter's cell was expected");
  const slots = inner.slots.map((slot) => ({ ...slot, bytes: randomBytes(slot.bytes.length) }));
  const forged = encodeInnerCell({ ...inner, tag: randomBytes(16), slots });
  await inject(address, sealCell(address.queueKey, "postern cell 1", forged, randomBytes(12)));
  const hello = encodeInnerCell({ kind: "hello", nonce: randomBytes(12), sealed: randomBytes(3000) });
  await inject(address, sealCell(address.queueKey, "postern cell 1", hello, randomBytes(12)));
  await b.until(() => dropped(b, "undecryptable") + dropped(b, "duplicate") >= 2);
  expect(b.contacts.list()).toHaveLength(2);
  expect(b.contents()).toEqual(["from a"]);
});

test("a contact's letter cannot be passed on as one's own: another contact's queue does not open it", async () => {
  const { a, b, cells, address } = await tapped();
  const c = new Person(relay.address);
  people.push(c);
  await befriend(c, b);
  await a.send("mine", b);
  await b.untilLetters(1);
  const stored = c.db.sqlite.prepare("SELECT address FROM overlay_contact_queue WHERE label = ?").pluck().get(b.label);
  const other = decodeQueueAddress(stored as Buffer);
  const inner = openCell(address.queueKey, "postern cell 1", cells[0] as Buffer) as Buffer;
  await inject(other, sealCell(other.queueKey, "postern cell 1", inner, randomBytes(12)));
  await b.until(() => dropped(b, "undecryptable") === 1);
  expect(b.contents()).toEqual(["mine"]);
});
