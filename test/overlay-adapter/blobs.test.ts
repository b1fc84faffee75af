import { randomBytes } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { blobOctets } from "../../overlay-adapter/blobs/blob-content.ts";
import { sealedStart } from "../../overlay-adapter/letters/letter-content.ts";
import {
  createRelayClient,
  type RelayClient,
  type RelayClientOptions,
} from "../../overlay-adapter/relay-client/relay-client.ts";
import type { RelayLimits } from "../../relay/limits.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { befriend, Person, sha256 } from "./person.ts";

const BLOBS = { blobs: { send: true } };
const LARGE = 3_000_000;

let directory: string;
let relay: Relay;
const people: Person[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-relay-"));
  relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
});

afterEach(async () => {
  await Promise.all(people.splice(0).map((person) => person.close()));
  await relay.stop();
  await rm(directory, { recursive: true, force: true });
});

function person(extra: ConstructorParameters<typeof Person>[1] = BLOBS): Person {
  const made = new Person(relay.address, extra);
  people.push(made);
  return made;
}

/** The relay again, where it was. */
async function restartRelay(limits: Partial<RelayLimits> = {}): Promise<void> {
  const { port } = relay;
  await relay.stop();
  relay = await startRelay({ directory, host: "127.0.0.1", port, limits });
}

/** Contacts of whom the second has heard that the first reads blobs. */
async function friends(
  reader: ConstructorParameters<typeof Person>[1] = BLOBS,
  writer: ConstructorParameters<typeof Person>[1] = BLOBS,
): Promise<[reader: Person, writer: Person]> {
  const pair: [Person, Person] = [person(reader), person(writer)];
  await befriend(...pair);
  return pair;
}

/** Relay clients whose reading of blobs goes through a hand that may change it. */
function connectBy(
  hand: (pieces: AsyncIterable<Buffer>, from: number) => AsyncIterable<Buffer>,
): Pick<ConstructorParameters<typeof Person>[1] & object, "connect"> {
  return {
    connect: (options: RelayClientOptions): RelayClient => {
      const client = createRelayClient(options);
      return {
        ...client,
        readBlob: (at, reading, part) => hand(client.readBlob(at, reading, part), part.from),
      };
    },
  };
}

async function untilGone(): Promise<void> {
  while (relay.counts().blobs > 0) await new Promise((resolve) => setTimeout(resolve, 10));
}

test("a large letter comes octet for octet as a blob, by one cell, and the relay keeps nothing of it", async () => {
  const [reader, writer] = await friends();
  const content = randomBytes(LARGE);
  await writer.overlay.idle();
  const cells = relay.counters.get("cells_received");
  const id = await writer.send(content, reader);
  await reader.untilLetters(1);
  expect(reader.letters()[0]).toMatchObject({ from: writer.label, id: id.toString("hex"), content: sha256(content) });
  expect(relay.counters.get("cells_received") - cells).toBe(1);
  expect(relay.counters.get("blob_octets_received")).toBe(blobOctets(LARGE));
  expect(relay.counters.get("blob_octets_sent")).toBe(blobOctets(LARGE));
  await untilGone();
  await Promise.all([reader.overlay.idle(), writer.overlay.idle()]);
  expect(readdirSync(join(reader.home, "inbox"))).toEqual([]);
  // The cell is the invite's.
  expect(relay.counts()).toMatchObject({ blobs: 0, cells: 0, octets: 16_256 });
});

test("for several recipients it is put there once; each reads it, and with the last one it goes", async () => {
  const writer = person();
  const readers = [person(), person(), person()];
  for (const reader of readers) await befriend(reader, writer);
  const content = randomBytes(LARGE);
  await writer.send(content, ...readers);
  await Promise.all(readers.map((reader) => reader.untilLetters(1)));
  for (const reader of readers) expect(reader.contents()).toEqual([sha256(content)]);
  expect(relay.counters.get("blobs_created")).toBe(1);
  expect(relay.counters.get("blob_octets_received")).toBe(blobOctets(LARGE));
  await untilGone();
});

test("letters below the threshold, and large ones to a contact that reads no blobs, travel as cells", async () => {
  const [reader, writer] = await friends({});
  await writer.send(randomBytes(LARGE), reader);
  const [other] = await friends(BLOBS, BLOBS);
  await befriend(other, writer);
  await writer.send(randomBytes(200_000), other);
  await Promise.all([reader.untilLetters(1), other.untilLetters(1)]);
  expect(relay.counters.get("blobs_created")).toBe(0);
});

test("who does not send blobs still reads them", async () => {
  const [reader, writer] = await friends({ blobs: { send: false } });
  await writer.send(randomBytes(LARGE), reader);
  await reader.untilLetters(1);
  await reader.send(randomBytes(LARGE), writer);
  await writer.untilLetters(1);
  expect(relay.counters.get("blobs_created")).toBe(1);
});

test("small letters are not held up by a large one that is being put to the relay", async () => {
  const [reader, writer] = await friends();
  const [large, small] = await Promise.all([writer.send(randomBytes(LARGE), reader), writer.send("small", reader)]);
  await reader.untilLetters(2);
  expect(reader.letters().map(({ id }) => id)).toEqual([small, large].map((id) => id.toString("hex")));
  expect(reader.count("gap")).toBe(0);
});

test("a chunk that is poisoned once is asked for again, and the letter comes as it was sent", async () => {
  let poisoned = 0;
  const hand = async function* (pieces: AsyncIterable<Buffer>, from: number): AsyncGenerator<Buffer> {
    let at = from;
    for await (const piece of pieces) {
      const target = sealedStart(40) + 100;
      const copy = Buffer.from(piece);
      if (poisoned === 0 && at <= target && target < at + piece.length) {
        copy[target - at] = (copy[target - at] ?? 0) ^ 1;
        poisoned++;
      }
      at += piece.length;
      yield copy;
    }
  };
  const [reader, writer] = await friends({ ...BLOBS, ...connectBy(hand) });
  const content = randomBytes(LARGE);
  await writer.send(content, reader);
  await reader.untilLetters(1);
  expect(poisoned).toBe(1);
  expect(reader.contents()).toEqual([sha256(content)]);
  expect(reader.count("cells-dropped")).toBe(0);
});

const WRONG: Record<string, (pieces: AsyncIterable<Buffer>, from: number) => AsyncGenerator<Buffer>> = {
  async *"a chunk is poisoned"(pieces) {
    let first = true;
    for await (const piece of pieces) {
      const copy = Buffer.from(piece);
      if (first) copy[50] = (copy[50] ?? 0) ^ 1;
      first = false;
      yield copy;
    }
  },
  async *"two chunks are swapped"(pieces, from) {
    const all: Buffer[] = [];
    for await (const piece of pieces) all.push(piece);
    const blob = Buffer.concat(all);
    if (from === 0) {
      const [one, two, end] = [sealedStart(3), sealedStart(4), sealedStart(5)];
      yield* [blob.subarray(0, one), blob.subarray(two, end), blob.subarray(one, two), blob.subarray(end)];
    } else yield Buffer.alloc(blob.length);
  },
  async *"its end is missing"(pieces) {
    const all: Buffer[] = [];
    for await (const piece of pieces) all.push(piece);
    yield Buffer.concat(all).subarray(0, -30_000);
  },
};

for (const [what, hand] of Object.entries(WRONG))
  test(`where ${what} at every try, nothing of it is delivered: it is told, and the letter comes as cells, once`, async () => {
    const [reader, writer] = await friends({ ...BLOBS, ...connectBy(hand) });
    const content = randomBytes(LARGE);
    await writer.send(content, reader);
    await reader.untilLetters(1);
    expect(reader.contents()).toEqual([sha256(content)]);
    const told = reader.events.flatMap((event) => (event.kind === "cells-dropped" ? [event.reason] : []));
    expect(new Set(told)).toEqual(new Set(["altered"]));
    await Promise.all([reader.overlay.idle(), writer.overlay.idle()]);
    await untilGone();
    expect(reader.letters()).toHaveLength(1);
    expect(reader.count("gap")).toBe(0);
  });

test("a blob that the relay has lost is told as missing, and the letter comes as cells", async () => {
  const [reader, writer] = await friends();
  await reader.overlay.close();
  const content = randomBytes(LARGE);
  await writer.send(content, reader);
  await writer.untilEvent("relayed");
  for (const name of readdirSync(join(directory, "blobs"))) await rm(join(directory, "blobs", name));
  reader.db.close();
  reader.open();
  await reader.untilLetters(1);
  expect(reader.contents()).toEqual([sha256(content)]);
  expect(reader.events).toContainEqual({ kind: "cells-dropped", from: writer.label, reason: "incomplete", count: 1 });
});

test("a blob that was not fetched stays at the relay, even where its writer has no room to keep the letter for another try", async () => {
  const [reader, writer] = await friends();
  await reader.overlay.close();
  const content = randomBytes(LARGE);
  await writer.send(content, reader);
  await writer.untilEvent("relayed");
  writer.crash();
  writer.open();
  // As for letters beyond a gibibyte that nobody has acknowledged.
  writer.db.sqlite.exec("DELETE FROM overlay_letter");
  await writer.overlay.close();
  writer.db.close();
  writer.open();
  await writer.overlay.idle();
  expect(relay.counts().blobs).toBe(1);
  reader.db.close();
  reader.open();
  await reader.untilLetters(1);
  expect(reader.contents()).toEqual([sha256(content)]);
});

test("a relay that takes no blob gets the letter as cells", async () => {
  await restartRelay({ blobs: 0 });
  const [reader, writer] = await friends();
  const content = randomBytes(LARGE);
  await writer.send(content, reader);
  await reader.untilLetters(1);
  expect(reader.contents()).toEqual([sha256(content)]);
});

test("a reader that crashes in the middle goes on where it was", async () => {
  const box: { reader?: Person } = {};
  let crashed = false;
  const hand = async function* (pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let octets = 0;
    for await (const piece of pieces) {
      yield piece;
      octets += piece.length;
      if (crashed || octets < 2_000_000) continue;
      crashed = true;
      box.reader?.crash();
      return;
    }
  };
  const [reader, writer] = await friends({ ...BLOBS, ...connectBy(hand) });
  box.reader = reader;
  const content = randomBytes(LARGE);
  await writer.send(content, reader);
  await writer.until(() => crashed);
  const kept = () =>
    readdirSync(join(reader.home, "inbox")).map((name) => statSync(join(reader.home, "inbox", name)).size);
  // The chunks on their way to the file get there: the process goes on, but for its database.
  await writer.until(() => (kept()[0] ?? 0) > 1_500_000);
  reader.open();
  await reader.untilLetters(1);
  expect(reader.contents()).toEqual([sha256(content)]);
  expect(relay.counters.get("blob_octets_sent")).toBeLessThan(1.5 * blobOctets(LARGE));
  await untilGone();
});

test("a writer that crashes in the middle, and a relay that restarts, go on behind what is on the disk", async () => {
  const [reader, writer] = await friends();
  const content = randomBytes(12_000_000);
  await writer.send(content, reader);
  await writer.until(() => relay.counters.get("blob_octets_received") > 5_000_000);
  await restartRelay();
  await writer.until(() => relay.counters.get("blob_octets_received") > 1_000_000);
  writer.crash();
  const before = relay.counters.get("blob_octets_received");
  writer.open();
  await reader.untilLetters(1);
  expect(reader.contents()).toEqual([sha256(content)]);
  expect(before + relay.counters.get("blob_octets_received")).toBeLessThan(2 * blobOctets(content.length));
  expect(reader.count("gap") + writer.count("failed")).toBe(0);
});
