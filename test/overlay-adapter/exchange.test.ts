import { randomBytes } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { Failure } from "../../foundation/failure.ts";
import { LETTER_SIZE_MAX } from "../../overlay-adapter/letters/letter-content.ts";
import {
  createRelayClient,
  type RelayClient,
  type RelayClientOptions,
} from "../../overlay-adapter/relay-client/relay-client.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { befriend, IN_A_DAY, Person, sha256, split } from "./person.ts";

let directory: string;
let relay: Relay;
const people: Person[] = [];
const further: { relay: Relay; directory: string }[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-relay-"));
  relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
});

afterEach(async () => {
  await Promise.all(people.splice(0).map((person) => person.close()));
  for (const { relay, directory } of further.splice(0)) {
    await relay.stop();
    await rm(directory, { recursive: true, force: true });
  }
});

afterAll(async () => {
  await relay.stop();
  await rm(directory, { recursive: true });
});

function person(...[at, extra]: [Person["relay"]?, ConstructorParameters<typeof Person>[1]?]): Person {
  const made = new Person(at ?? relay.address, extra);
  people.push(made);
  return made;
}

/** Another relay, or one more start of it. */
async function another(options: { directory?: string; port?: number; cellsPerQueue?: number } = {}): Promise<Relay> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "postern-relay-")));
  const { port = 0, cellsPerQueue } = options;
  const limits = cellsPerQueue === undefined ? {} : { queueOctets: cellsPerQueue * 16_256 };
  const relay = await startRelay({ directory, host: "127.0.0.1", port, limits });
  further.push({ relay, directory });
  return relay;
}

async function friends(): Promise<[Person, Person]> {
  const pair: [Person, Person] = [person(), person()];
  await befriend(...pair);
  return pair;
}

test("two people exchange letters both ways, and the relay is empty afterwards", async () => {
  const [a, b] = await friends();
  const id = await a.send("hello b", b);
  await b.untilLetters(1);
  await b.send("hello a", a);
  await a.untilLetters(1);
  expect(b.letters()[0]).toMatchObject({ from: a.label, id: id.toString("hex"), content: "hello b", size: 7 });
  expect(a.contents()).toEqual(["hello a"]);
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  expect(relay.counts().cells).toBe(0);
  expect(a.events).toContainEqual({ kind: "relayed", letter: id, to: b.label });
});

test("letters that the claimant sends right after accepting come behind the hello", async () => {
  const [a, b] = [person(), person()];
  const { link } = await a.overlay.createInvite({ expiresAt: IN_A_DAY() });
  a.crash();
  await b.overlay.acceptInvite(link, "alice");
  for (const content of ["one", "two", "three"]) await b.send(content, a);
  await b.overlay.idle();
  a.open();
  await a.untilLetters(3);
  expect(a.contents()).toEqual(["one", "two", "three"]);
});

test("a hundred letters enqueued at once all open, each once, without a gap", async () => {
  const [a, b] = await friends();
  const sent = Array.from({ length: 100 }, (_, n) => `letter ${n}`);
  await Promise.all(sent.map((content) => a.send(content, b)));
  await b.untilLetters(100);
  await b.overlay.idle();
  expect(new Set(b.contents())).toEqual(new Set(sent));
  expect(b.count("gap") + b.count("cells-dropped")).toBe(0);
});

test("letters that cross each other all arrive", async () => {
  const [a, b] = await friends();
  await Promise.all(Array.from({ length: 30 }, (_, n) => Promise.all([a.send(`a${n}`, b), b.send(`b${n}`, a)])));
  await Promise.all([a.untilLetters(30), b.untilLetters(30)]);
  expect(a.count("cells-dropped") + b.count("cells-dropped")).toBe(0);
});

test("an empty letter, one of a full cell, one of two cells and one of five megabytes arrive byte for byte", async () => {
  const [a, b] = await friends();
  const contents = [0, 12_093, 12_094, 70_000, 300_000, 5_000_000].map((size) => randomBytes(size));
  for (const content of contents) await a.send(content, b);
  await b.untilLetters(contents.length);
  expect(b.letters().map(({ size }) => size)).toEqual(contents.map(({ length }) => length));
  expect(b.contents().slice(1)).toEqual(contents.slice(1).map(sha256));
  await a.overlay.idle();
  // Kept for as long as the contact may ask for them again.
  expect(readdirSync(join(a.home, "outbox"))).toHaveLength(3);
});

test("one letter to two contacts is spooled once, and neither learns of the other's slot", async () => {
  const [a, b] = await friends();
  const c = person();
  await befriend(a, c);
  const content = randomBytes(200_000);
  await a.send(content, b, c);
  expect(readdirSync(join(a.home, "outbox"))).toHaveLength(1);
  await Promise.all([b.untilLetters(1), c.untilLetters(1)]);
  expect([b.contents()[0], c.contents()[0]]).toEqual([sha256(content), sha256(content)]);
  await a.overlay.idle();
  expect(readdirSync(join(a.home, "outbox"))).toHaveLength(1);
});

test("a letter above the limit is refused while it is read, and leaves nothing behind", async () => {
  const a = person();
  const tooBig = a.overlay.prepare(split(Buffer.alloc(LETTER_SIZE_MAX + 1), 1_000_000));
  await expect(tooBig).rejects.toMatchObject({ code: "too-big" });
  expect(readdirSync(join(a.home, "outbox"))).toEqual([]);
});

test("a letter that was prepared but not enqueued is removed, by discard or at the next start", async () => {
  const a = person();
  const first = await a.overlay.prepare(split(randomBytes(200_000)));
  await first.discard();
  expect(readdirSync(join(a.home, "outbox"))).toEqual([]);
  await a.overlay.prepare(split(randomBytes(200_000)));
  a.crash();
  a.open();
  expect(readdirSync(join(a.home, "outbox"))).toEqual([]);
});

test("a letter whose file was lost does not hold up those behind it", async () => {
  const [a, b] = await friends();
  const letter = await a.overlay.prepare(split(randomBytes(200_000)));
  for (const name of readdirSync(join(a.home, "outbox"))) rmSync(join(a.home, "outbox", name));
  a.db.transaction(() => a.overlay.enqueue(letter, [b.label]));
  await a.send("fine", b);
  await b.untilLetters(1);
  expect(b.contents()).toEqual(["fine"]);
  expect(a.overlay.status()).toMatchObject({ waiting: 1 });
});

test("a letter whose transaction is rolled back was never enqueued", async () => {
  const [a, b] = await friends();
  const letter = await a.overlay.prepare(split(Buffer.from("no")));
  const doomed = () =>
    a.db.transaction(() => {
      a.overlay.enqueue(letter, [b.label]);
      throw new Error("rolled back");
    });
  expect(doomed).toThrow("rolled back");
  await a.send("yes", b);
  await b.untilLetters(1);
  expect(b.contents()).toEqual(["yes"]);
});

test("a letter that cannot be stored now stays at the relay and comes again", async () => {
  const [a, b] = await friends();
  let refusals = 2;
  b.beforeReceive = () => {
    if (refusals-- > 0) throw new Failure("full", "the disk is full");
  };
  await a.send("one", b);
  await a.send(randomBytes(400_000), b);
  await b.untilLetters(2);
  expect(b.letters().map(({ size }) => size)).toEqual([3, 400_000]);
});

test("a letter that the bridge can never store does not hold up those behind it", async () => {
  const [a, b] = await friends();
  b.beforeReceive = (size) => {
    if (size === 6) throw new TypeError("a bug");
  };
  await a.send("poison", b);
  await a.send("fine", b);
  await b.untilLetters(1);
  expect(b.contents()).toEqual(["fine"]);
  b.crash();
  b.beforeReceive = () => undefined;
  b.open();
  await b.untilLetters(2);
  expect(b.contents()).toEqual(["fine", "poison"]);
});

test("a letter to somebody who is no contact fails, and the failure is told until it is settled", async () => {
  const [a, stranger] = [person(), person()];
  const letter = await a.send("who are you", stranger);
  await a.untilEvent("failed");
  expect(a.events).toContainEqual({ kind: "failed", letter, to: stranger.label, reason: "refused" });
  a.crash();
  a.events.length = 0;
  a.open();
  await a.untilEvent("failed");
  a.db.transaction(() => a.overlay.settleFailure(letter, stranger.label));
  a.crash();
  a.events.length = 0;
  a.open();
  expect(a.count("failed")).toBe(0);
  expect(a.overlay.status()).toMatchObject({ waiting: 0, failed: 1 });
});

test("letters to a contact whose queue is gone fail with that reason", async () => {
  const [a, b] = await friends();
  await b.overlay.removeContact(a.label);
  await b.overlay.idle();
  await a.send("too late", b);
  await a.untilEvent("failed");
  expect(a.events.find(({ kind }) => kind === "failed")).toMatchObject({ reason: "gone" });
});

test("a contact whose relay is away does not hold up the others", async () => {
  const other = await another();
  const [a, b, c] = [person(), person(), person(other.address)];
  await befriend(a, b);
  await befriend(a, c);
  await other.stop();
  await a.send("later", c);
  await a.send("now", b);
  await b.untilLetters(1);
  expect(a.overlay.status()).toMatchObject({ waiting: 1, failed: 0 });
  await another({ directory: further[0]?.directory ?? "", port: other.port });
  await c.untilLetters(1);
  expect(c.contents()).toEqual(["later"]);
});

test("when the own relay moves to another port, contacts learn the new address and letters go on", async () => {
  const old = await another();
  const [a, b] = [person(), person(old.address)];
  await befriend(a, b);
  b.crash();
  await old.stop();
  const moved = await another({ directory: further[0]?.directory ?? "" });
  await a.send("to the old port", b);
  b.open(moved.address);
  await b.untilLetters(1);
  await a.send("to the new one", b);
  await b.untilLetters(2);
  expect(b.contents()).toEqual(["to the old port", "to the new one"]);
});

test("a full queue makes the sender wait, and every letter arrives once there is room", async () => {
  const small = await another({ cellsPerQueue: 8 });
  const [a, b] = [person(small.address), person(small.address)];
  await befriend(a, b);
  await b.overlay.idle();
  b.crash();
  for (let n = 0; n < 20; n++) await a.send(`letter ${n}`, b);
  await a.until(() => a.overlay.status().waiting === 12);
  b.open();
  await b.untilLetters(20);
  expect(new Set(b.contents()).size).toBe(20);
});

test("the status names every letter on its way", async () => {
  let cut = false;
  const connect = (options: RelayClientOptions): RelayClient => {
    const client = createRelayClient(options);
    const send: RelayClient["send"] = (...sent) =>
      cut ? Promise.reject(new Failure("unavailable", "cut")) : client.send(...sent);
    return { ...client, send };
  };
  const [a, b] = [person(relay.address, { connect }), person()];
  await befriend(a, b);
  cut = true;
  const letter = await a.send("hello", b);
  await a.until(() => a.overlay.status().deliveries.some(({ state }) => state === "encrypted"));
  expect(a.overlay.status().deliveries).toMatchObject([{ letter, to: b.label, state: "encrypted", size: 5 }]);
});
