import { type Duplex, duplexPair } from "node:stream";
import { expect, test } from "@jest/globals";
import { Connection } from "../../relay/connection.ts";
import { Counters } from "../../relay/counters.ts";
import { CreationRates } from "../../relay/creation-rates.ts";
import { Doorkeeper } from "../../relay/doorkeeper.ts";
import { DEFAULT_LIMITS } from "../../relay/limits.ts";
import { LivedTime } from "../../relay/lived-time.ts";
import type { Appended, QueueStore } from "../../relay/queue-store.ts";
import { Readers } from "../../relay/readers.ts";
import type { RelayStore } from "../../relay/store.ts";
import { BlockSplitter } from "../../relay/wire/block.ts";
import { type Command, toClient, toRelay } from "../../relay/wire/frame.ts";
import { macOfSend } from "../../relay/wire/proof.ts";
import { FakeClock } from "./fake-clock.ts";
import { cellOf } from "./fixtures.ts";

const KEY = Buffer.alloc(32, 7);
const EXPORTER = Buffer.alloc(32, 9);
const SENDER = Buffer.alloc(24, 3);

/** A connection over a pipe, and a store that takes cells as the test has it. */
function connect(append: () => Promise<Appended>, unanswered: number, version = 1) {
  const [client, server] = duplexPair();
  const queues: Partial<QueueStore> = { senderKey: async () => KEY, append };
  const logged: string[] = [];
  const clock = new FakeClock();
  const state = {
    store: { queues: queues as QueueStore } as RelayStore,
    readers: new Readers(),
    limits: { ...DEFAULT_LIMITS, unanswered },
    clock,
    time: new LivedTime(clock, 1_000, undefined),
    counters: new Counters(),
    creations: new CreationRates(10),
  };
  const guest = new Doorkeeper(state.limits, clock, state.counters).admit("192.0.2.1", () => undefined);
  if (guest === undefined) throw new Error("the only guest was not let in");
  const connection = new Connection({ stream: server, exporter: EXPORTER }, state, {
    guest,
    logger: (level, event) => logged.push(`${level}: ${event}`),
    onClose: () => undefined,
  });
  client.write(toRelay.encode(0, { kind: "hello", version }));
  return { client, answers: answersOf(client), logged, connection };
}

function answersOf(client: Duplex): { readonly [Symbol.asyncIterator]: () => AsyncGenerator<string> } {
  return {
    async *[Symbol.asyncIterator]() {
      const splitter = new BlockSplitter();
      for await (const piece of client) {
        for (const block of splitter.push(piece as Buffer)) {
          const { message } = toClient.decode(Buffer.from(block));
          if (message.kind !== "versions") yield message.kind === "refused" ? message.reason : message.kind;
        }
      }
    },
  };
}

const SEND: Command = {
  kind: "send",
  senderId: SENDER,
  mac: macOfSend(KEY, EXPORTER, SENDER, cellOf(1)),
  cell: cellOf(1),
};

test("when the disk is full a sender is told to retry, and the connection goes on", async () => {
  let full = true;
  const disk = Object.assign(new Error("database or disk is full"), { code: "SQLITE_FULL" });
  const { client, answers, logged, connection } = connect(async () => {
    if (full) throw disk;
    return { kind: "stored", seq: 1 };
  }, 10);
  const iterator = answers[Symbol.asyncIterator]();
  client.write(toRelay.encode(1, SEND));
  expect((await iterator.next()).value).toBe("retry");
  full = false;
  client.write(toRelay.encode(2, SEND));
  expect((await iterator.next()).value).toBe("ok");
  expect(logged).toEqual(["warn: relay cannot store"]);
  connection.destroy();
});

test("a client far ahead of its answers is not read until they are out", async () => {
  const waiting: ((appended: Appended) => void)[] = [];
  const { client, answers } = connect(() => new Promise((resolve) => waiting.push(resolve)), 4);
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (let n = 0; n < 40; n++) client.write(toRelay.encode(n, SEND));
  for (let n = 0; n < 50; n++) await turn();
  expect(waiting.length).toBe(4);
  const iterator = answers[Symbol.asyncIterator]();
  for (let n = 0; n < 40; n++) {
    while (waiting.length === 0) await turn();
    expect(waiting.length).toBeLessThanOrEqual(4);
    waiting.shift()?.({ kind: "stored", seq: n + 1 });
    expect((await iterator.next()).value).toBe("ok");
  }
  client.destroy();
});

test("what is stored together is answered in one block, where the client knows that answer, and a refusal keeps its place", async () => {
  for (const [version, expected] of [
    [2, ["ok", "ok", "retry", "ok", "ok"]],
    [3, ["done", "retry", "done"]],
  ] as const) {
    const waiting: { resolve: (appended: Appended) => void; reject: (error: Error) => void }[] = [];
    const append = (): Promise<Appended> => new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    const { client, answers, connection } = connect(append, 10, version);
    for (let n = 1; n <= 5; n++) client.write(toRelay.encode(n, SEND));
    while (waiting.length < 5) await new Promise((resolve) => setImmediate(resolve));
    const full = Object.assign(new Error("database or disk is full"), { code: "SQLITE_FULL" });
    for (const [at, { resolve, reject }] of waiting.entries())
      if (at === 2) reject(full);
      else resolve({ kind: "stored", seq: at + 1 });
    const iterator = answers[Symbol.asyncIterator]();
    const seen: unknown[] = [];
    for (const _ of expected) seen.push((await iterator.next()).value);
    expect([version, seen]).toEqual([version, expected]);
    connection.destroy();
  }
});
