import { randomBytes } from "node:crypto";
import { copyFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { DecodeError } from "../../foundation/bytes.ts";
import {
  type BundleHeader,
  cellsOf,
  encodeBundle,
  hashOf,
  headerKey,
  openHeader,
} from "../../overlay-adapter/carry/bundle.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { CELL_SIZE } from "../../relay/wire/cell.ts";
import { befriend, Person, sha256 } from "./person.ts";

let directory: string;
let relay: Relay;
let stick: string;
let people: Person[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-relay-"));
});

beforeEach(async () => {
  relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
  stick = await mkdtemp(join(tmpdir(), "postern-stick-"));
});

afterEach(async () => {
  await Promise.all(people.map((person) => person.close()));
  people = [];
  await relay.stop();
  await rm(stick, { recursive: true });
});

afterAll(() => rm(directory, { recursive: true }));

/** Two contacts whose relay has gone; what the first writes to the second is carried by hand. */
async function withoutRelay(): Promise<[Person, Person]> {
  const pair: [Person, Person] = [new Person(relay.address), new Person(relay.address)];
  people.push(...pair);
  await befriend(...pair);
  await relay.stop();
  pair[0].overlay.carrying.setByHand(pair[1].label, true);
  return pair;
}

async function sendByHand(from: Person, to: Person, ...contents: (string | Buffer)[]): Promise<void> {
  const before = from.count("relayed");
  for (const content of contents) await from.send(content, to);
  await from.until(() => from.count("relayed") === before + contents.length);
}

const ends = async (): Promise<string[]> => (await readdir(stick)).map((name) => name.replace(/^[0-9a-f]{32}/, ""));

test("letters reach a contact by a stick without any relay, the receipt comes back on it, and then nothing waits", async () => {
  const [a, b] = await withoutRelay();
  const large = randomBytes(700_000);
  await sendByHand(a, b, "one", large, "three");
  const waiting = a.overlay.carrying.waiting();
  expect(await a.overlay.carrying.export(stick)).toEqual({ bundles: 1, cells: waiting });
  const nothing = { waiting: 0, confirmed: 0, foreign: 0, damaged: 0 };
  expect(await b.overlay.carrying.import(stick)).toEqual({ ...nothing, cells: waiting });
  expect(b.contents()).toEqual(["one", sha256(large), "three"]);
  expect(await b.overlay.carrying.export(stick)).toEqual({ bundles: 1, cells: 0 });
  expect(await a.overlay.carrying.import(stick)).toEqual({ ...nothing, cells: 0, confirmed: waiting });
  expect(a.overlay.carrying.waiting()).toBe(0);
  expect(await a.overlay.carrying.export(stick)).toEqual({ bundles: 0, cells: 0 });
  expect(await ends()).toEqual([".cells"]);
});

test("bundles that are delivered twice, and an older copy beside a newer one, do no harm", async () => {
  const [a, b] = await withoutRelay();
  await sendByHand(a, b, "one", "two");
  await a.overlay.carrying.export(stick);
  const [first = ""] = await readdir(stick);
  await copyFile(join(stick, first), join(stick, `${"0".repeat(32)}.cells`));
  expect(await b.overlay.carrying.import(stick)).toMatchObject({ cells: 2, waiting: 0 });
  expect(await b.overlay.carrying.import(stick)).toMatchObject({ cells: 0, waiting: 0 });
  const old = await readFile(join(stick, first));
  await sendByHand(a, b, "three");
  await a.overlay.carrying.export(stick);
  await writeFile(join(stick, `${"1".repeat(32)}.cells`), old);
  expect(await b.overlay.carrying.import(stick)).toMatchObject({ cells: 1, waiting: 0 });
  b.crash();
  b.open();
  expect(await b.overlay.carrying.import(stick)).toMatchObject({ cells: 0, waiting: 0 });
  expect(b.contents()).toEqual(["one", "two", "three"]);
  expect(b.count("cells-dropped")).toBe(0);
});

test("a lost stick loses nothing: the next export has it all again, for it was never confirmed", async () => {
  const [a, b] = await withoutRelay();
  await sendByHand(a, b, "lost");
  await a.overlay.carrying.export(stick);
  for (const name of await readdir(stick)) await rm(join(stick, name));
  a.crash();
  a.open();
  await sendByHand(a, b, "found");
  await a.overlay.carrying.export(stick);
  await b.overlay.carrying.import(stick);
  expect(b.contents()).toEqual(["lost", "found"]);
});

test("while a bundle before it is missing or damaged, a later one waits; with it, all come in order", async () => {
  const [a, b] = await withoutRelay();
  // 2,048 cells and one: three bundles.
  const huge = randomBytes(20_000_000);
  await sendByHand(a, b, huge, "behind it");
  expect(await a.overlay.carrying.export(stick)).toEqual({ bundles: 3, cells: 2_049 });
  const names = await readdir(stick);
  const wholes = await Promise.all(names.map((name) => readFile(join(stick, name))));
  await truncate(join(stick, names[0] ?? ""), CELL_SIZE * 3);
  const partly = await b.overlay.carrying.import(stick);
  expect(partly.damaged).toBe(1);
  expect(b.letters()).toEqual([]);
  for (const [index, name] of names.entries()) await writeFile(join(stick, name), wholes[index] ?? "");
  await b.overlay.carrying.import(stick);
  await b.untilLetters(2);
  expect(b.contents()).toEqual([sha256(huge), "behind it"]);
}, 60_000);

test("a bundle says nothing to others, whatever is in it: random octets of a rounded size", async () => {
  const [a, b] = await withoutRelay();
  await sendByHand(a, b, "a letter with readable words in it");
  await a.overlay.carrying.export(stick);
  const [name = ""] = await readdir(stick);
  const bundle = await readFile(join(stick, name));
  expect(bundle.length).toBe(16 * CELL_SIZE);
  for (const word of ["readable", a.label, b.label, "postern", relay.address.host])
    expect(bundle.includes(word)).toBe(false);
  const counts = Array.from({ length: 256 }, () => 0);
  for (const octet of bundle) counts[octet] = (counts[octet] ?? 0) + 1;
  const expected = bundle.length / 256;
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // 255 degrees of freedom: beyond 400 once in a hundred million times.
  expect(chiSquare).toBeLessThan(400);
  const stranger = new Person(relay.address);
  people.push(stranger);
  expect(await stranger.overlay.carrying.import(stick)).toMatchObject({ cells: 0, foreign: 1 });
});

test("back at the relay, what was not confirmed goes there first, and numbers go on where they were", async () => {
  const [a, b] = await withoutRelay();
  await sendByHand(a, b, "carried in vain");
  await a.overlay.carrying.export(stick);
  const port = relay.port;
  relay = await startRelay({ directory, host: "127.0.0.1", port });
  a.overlay.carrying.setByHand(b.label, false);
  await sendByHand(a, b, "through the relay");
  await b.untilLetters(2);
  expect(a.overlay.carrying.waiting()).toBe(0);
  await relay.stop();
  a.overlay.carrying.setByHand(b.label, true);
  await sendByHand(a, b, "by hand again");
  await a.overlay.carrying.export(stick);
  expect(await b.overlay.carrying.import(stick)).toMatchObject({ cells: 1, waiting: 0 });
  expect(b.contents()).toEqual(["carried in vain", "through the relay", "by hand again"]);
});

test("a contact that is removed takes along what was to be carried to it, and a folder that is none is named", async () => {
  const [a, b] = await withoutRelay();
  await sendByHand(a, b, "never mind");
  await a.overlay.removeContact(b.label);
  expect([a.overlay.carrying.waiting(), a.overlay.carrying.contacts()]).toEqual([0, []]);
  await expect(a.overlay.carrying.export(join(stick, "no"))).rejects.toMatchObject({ code: "nonexistent" });
  await expect(a.overlay.carrying.import(join(stick, "no"))).rejects.toMatchObject({ code: "nonexistent" });
});

const HEADER: fc.Arbitrary<BundleHeader> = fc.oneof(
  fc.record({
    kind: fc.constant("receipt" as const),
    upTo: fc.maxSafeNat(),
    ranges: fc.array(
      fc.tuple(fc.maxSafeNat(), fc.maxSafeNat()).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
    ),
  }),
  fc.tuple(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 1, max: 4 })).map(([first, count]) => ({
    kind: "cells" as const,
    first,
    count,
    previous: first - 1,
    hash: hashOf(Array.from({ length: count }, (_, index) => Buffer.alloc(CELL_SIZE, index))),
  })),
);

test("a bundle's header opens with its queue's key alone, as it was, and a changed cell is noticed", () => {
  fc.assert(
    fc.property(HEADER, fc.nat(), (header, place) => {
      const [key, other] = [randomBytes(32), randomBytes(32)];
      const count = header.kind === "cells" ? header.count : 0;
      const cells = Array.from({ length: count }, (_, index) => Buffer.alloc(CELL_SIZE, index));
      const bundle = encodeBundle(key, header, cells, randomBytes);
      expect(bundle.length % (16 * CELL_SIZE)).toBe(0);
      expect(openHeader(headerKey(other), bundle)).toBeUndefined();
      expect(openHeader(headerKey(key), bundle)).toEqual(header);
      if (header.kind === "receipt") return;
      expect(cellsOf(bundle, header)).toEqual(cells);
      const at = CELL_SIZE + (place % (count * CELL_SIZE));
      bundle[at] = (bundle[at] ?? 0) ^ 1;
      expect(() => cellsOf(bundle, header)).toThrow(DecodeError);
    }),
    { numRuns: 12 },
  );
});
