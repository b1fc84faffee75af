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
import { befriend, Person, sha256 } from "./person.ts";

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

/** What a relay may say and do against the truth, as one side sees it. */
interface Lies {
  /** Every cell that was ever pushed comes again behind each new one. */
  replay?: boolean;
  /** OK to a SEND, and the cell is thrown away. */
  falseAccept?: (n: number) => boolean;
  /** FULL, although there is room. */
  falseFull?: boolean;
  /** The queue is gone, although it is there. */
  falseGone?: boolean;
  /** OK to an ACK, and the cells stay. */
  falseDelete?: boolean;
}

/** Beyond all numbers that the relay gives itself. */
const MADE_UP = 2 ** 40;

function lying(lies: Lies): (options: RelayClientOptions) => RelayClient {
  let sent = 0;
  let madeUp = MADE_UP;
  const seen: Buffer[] = [];
  return (options) => {
    const client = createRelayClient(options);
    return {
      ...client,
      send: (at, queue, cell) => {
        if (lies.falseGone) return Promise.resolve("gone");
        if (lies.falseFull) return Promise.resolve("full");
        return lies.falseAccept?.(sent++) ? Promise.resolve("accepted") : client.send(at, queue, cell);
      },
      subscribe: (at, queue, subscriber) => {
        const subscription = client.subscribe(at, queue, {
          ...subscriber,
          onCell(seq, cell) {
            seen.push(Buffer.from(cell));
            subscriber.onCell(seq, cell);
            if (lies.replay) for (const old of seen) subscriber.onCell(madeUp++, Buffer.from(old));
          },
        });
        return {
          ...bound(subscription),
          acknowledge: (seqs) => (lies.falseDelete ? Promise.resolve() : subscription.acknowledge(seqs)),
        };
      },
    };
  };
}

function bound(subscription: ReturnType<RelayClient["subscribe"]>): ReturnType<RelayClient["subscribe"]> {
  return {
    credit: (count) => subscription.credit(count),
    acknowledge: (seqs) => subscription.acknowledge(seqs),
    close: () => subscription.close(),
  };
}

/** Two contacts, to whom the relay lies when `ofA` or `ofB` says so. */
async function deceived(): Promise<{ a: Person; b: Person; ofA: Lies; ofB: Lies }> {
  const [ofA, ofB]: [Lies, Lies] = [{}, {}];
  const [a, b] = [
    new Person(relay.address, { connect: lying(ofA) }),
    new Person(relay.address, { connect: lying(ofB) }),
  ];
  people.push(a, b);
  await befriend(a, b);
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  return { a, b, ofA, ofB };
}

test("a relay that replays every cell at every turn opens nothing twice and breaks no session", async () => {
  const { a, b, ofA, ofB } = await deceived();
  ofA.replay = true;
  ofB.replay = true;
  const large = randomBytes(250_000);
  for (let n = 0; n < 6; n++) {
    await a.send(`from a ${n}`, b);
    await b.send(`from b ${n}`, a);
  }
  await a.send(large, b);
  await Promise.all([a.untilLetters(6), b.untilLetters(7)]);
  b.crash();
  b.open();
  await a.send("after", b);
  await b.untilLetters(8);
  await b.send("answer", a);
  await a.untilLetters(7);
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  const fromA = Array.from({ length: 6 }, (_, n) => `from a ${n}`);
  expect(b.contents()).toEqual([...fromA, sha256(large), "after"]);
  expect(a.contents()).toEqual([...fromA.map((text) => text.replace("from a", "from b")), "answer"]);
  expect([a.count("gap"), b.count("gap")]).toEqual([0, 0]);
  expect(b.overlay.status().dropped["duplicate"]).toBeGreaterThan(0);
});

test("a relay that says accepted and throws letters away: the others arrive, and the recipient is told how many are missing", async () => {
  const { a, b, ofA } = await deceived();
  let first = -1;
  ofA.falseAccept = (n) => {
    if (first < 0) first = n;
    return n - first === 1 || n - first === 3;
  };
  for (let n = 0; n < 6; n++) await a.send(`letter ${n}`, b);
  await b.untilLetters(4);
  await b.overlay.idle();
  expect(b.contents()).toEqual(["letter 0", "letter 2", "letter 4", "letter 5"]);
  b.crash();
  const later: Clock = {
    now: () => Date.now() + 2 * 3_600_000,
    after: (delay, callback) => systemClock.after(Math.min(delay, 20), callback),
  };
  b.open(relay.address, { clock: later });
  const missing = (): number => {
    const gaps = new Set(b.events.flatMap((event) => (event.kind === "gap" ? [JSON.stringify(event)] : [])));
    return [...gaps].reduce((sum, gap) => sum + (JSON.parse(gap) as { missing: number }).missing, 0);
  };
  await b.until(() => missing() >= 2);
  expect(missing()).toBe(2);
});

test("a relay that says deleted and keeps the cells: they come again, and are known", async () => {
  const { a, b, ofB } = await deceived();
  ofB.falseDelete = true;
  for (let n = 0; n < 5; n++) await a.send(`letter ${n}`, b);
  await b.untilLetters(5);
  await b.overlay.idle();
  expect(relay.counts().cells).toBeGreaterThanOrEqual(5);
  b.crash();
  b.open();
  await b.until(() => (b.overlay.status().dropped["duplicate"] ?? 0) >= 5);
  ofB.falseDelete = false;
  b.crash();
  b.open();
  await a.send("last", b);
  await b.untilLetters(6);
  await b.overlay.idle();
  expect(b.contents()).toEqual([0, 1, 2, 3, 4].map((n) => `letter ${n}`).concat("last"));
  expect(b.count("gap")).toBe(0);
});

test("a relay that says full without being it: letters wait, are told as waiting, and arrive once each when it relents", async () => {
  const { a, b, ofA } = await deceived();
  ofA.falseFull = true;
  for (let n = 0; n < 3; n++) await a.send(`letter ${n}`, b);
  await a.until(() => a.overlay.status().waiting === 3);
  expect(a.overlay.status()).toMatchObject({ waiting: 3, failed: 0 });
  expect(a.count("failed")).toBe(0);
  ofA.falseFull = false;
  a.crash();
  a.open();
  await b.untilLetters(3);
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  expect(b.contents()).toEqual(["letter 0", "letter 1", "letter 2"]);
  expect(b.count("gap")).toBe(0);
});

test("a relay that denies the queue: every letter is told as failed, none is believed delivered", async () => {
  const { a, b, ofA } = await deceived();
  ofA.falseGone = true;
  const sent = [await a.send("one", b), await a.send("two", b)];
  await a.until(() => a.count("failed") >= 2);
  expect(a.events.filter(({ kind }) => kind === "relayed" || kind === "failed")).toEqual(
    sent.map((letter) => ({ kind: "failed", letter, to: b.label, reason: "gone" })),
  );
  ofA.falseGone = false;
  await a.send("three", b);
  await b.untilLetters(1);
  expect(b.contents()).toEqual(["three"]);
});
