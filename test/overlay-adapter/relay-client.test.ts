import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { FailureCode } from "../../foundation/failure.ts";
import { tlsCarrier } from "../../overlay-adapter/carriers/tls-carrier.ts";
import {
  createRelayClient,
  type RelayClient,
  type Subscription,
} from "../../overlay-adapter/relay-client/relay-client.ts";
import { type Relay, type RelayOptions, startRelay } from "../../relay/relay.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { CELL_SIZE } from "../../relay/wire/cell.ts";
import { FakeClock } from "../relay/fake-clock.ts";
import { cellOf, inTemporaryDirectory, newQueue, type TestQueue } from "../relay/fixtures.ts";
import { ScriptedCarrier } from "./scripted-relay.ts";

interface Scene {
  readonly directory: string;
  readonly relay: Relay;
  readonly client: () => RelayClient;
  readonly restart: () => Promise<void>;
}

function withRelay(work: (scene: Scene) => Promise<void>, limits: RelayOptions["limits"] = {}): Promise<void> {
  return inTemporaryDirectory(async (parent) => {
    const directory = join(parent, "relay");
    let relay = await startRelay({ directory, host: "127.0.0.1", port: 0, limits });
    const clients: RelayClient[] = [];
    try {
      await work({
        directory,
        relay,
        client() {
          const client = createRelayClient({ carrier: tlsCarrier() });
          clients.push(client);
          return client;
        },
        async restart() {
          await relay.stop();
          relay = await startRelay({ directory, host: "127.0.0.1", port: relay.port, limits });
        },
      });
    } finally {
      for (const client of clients) await client.close();
      await relay.stop();
    }
  });
}

/** Collects what a subscription brings, and waits for it. */
class Inbox {
  readonly seqs: number[] = [];
  readonly cells: Buffer[] = [];
  readonly ends: string[] = [];
  readonly #waiting: { readonly enough: () => boolean; readonly resolve: () => void }[] = [];

  read(client: RelayClient, relay: RelayAddress, queue: TestQueue, credit: number): Subscription {
    return client.subscribe(relay, queue, {
      credit,
      onCell: (seq, cell) => {
        this.seqs.push(seq);
        this.cells.push(cell);
        this.#look();
      },
      onEnd: (end) => {
        this.ends.push(end);
        this.#look();
      },
    });
  }

  until(enough: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ enough, resolve });
      this.#look();
    });
  }

  #look(): void {
    for (const { enough, resolve } of this.#waiting) if (enough()) resolve();
  }
}

async function failureCode(promise: Promise<unknown>): Promise<FailureCode | "none"> {
  return promise.then(
    () => "none" as const,
    (error: { code: FailureCode }) => error.code,
  );
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);

test("cells sent by one client reach the other in the order of the calls, hundreds in flight, as credit is given", () =>
  withRelay(async ({ relay, client }) => {
    const [alice, bob] = [client(), client()];
    const queue = newQueue();
    await bob.createQueue(relay.address, queue);
    const inbox = new Inbox();
    const subscription = inbox.read(bob, relay.address, queue, 10);
    const sent = numbers(1, 600).map((n) => alice.send(relay.address, queue, Buffer.alloc(CELL_SIZE, n % 251)));
    expect(new Set(await Promise.all(sent))).toEqual(new Set(["accepted"]));
    await inbox.until(() => inbox.seqs.length === 10);
    subscription.credit(590);
    await inbox.until(() => inbox.seqs.length === 600);
    expect(inbox.seqs).toEqual(numbers(1, 600));
    expect(inbox.cells.map((cell) => cell[CELL_SIZE - 1])).toEqual(numbers(1, 600).map((n) => n % 251));
    await Promise.all(inbox.seqs.map((seq) => subscription.acknowledge([seq])));
    expect(relay.counts().cells).toBe(0);
    expect(bob.connected(relay.address)).toBe(true);
  }));

test("a relay with another key is refused before a byte is sent to it, however often it is tried", () =>
  withRelay(async ({ relay, client }) => {
    const impostor = { ...relay.address, pin: randomBytes(32) };
    const alice = client();
    expect(await failureCode(alice.createQueue(impostor, newQueue()))).toBe("forbidden");
    expect(await failureCode(alice.send(impostor, newQueue(), cellOf(1)))).toBe("forbidden");
    expect(alice.connected(impostor)).toBe(false);
    expect(relay.counts().queues).toBe(0);
  }));

test("a relay that cannot be reached, hangs up, or never finishes the handshake is unavailable", async () => {
  const mute = createServer((socket) => void socket.on("error", () => undefined).resume()).listen(0, "127.0.0.1");
  const rude = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await Promise.all([once(mute, "listening"), once(rude, "listening")]);
  const at = (server: typeof mute): RelayAddress => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return { host: "127.0.0.1", port: address.port, pin: randomBytes(32) };
  };
  const carrier = tlsCarrier({ connectTimeout: 50 });
  const gone = at(rude);
  expect(await failureCode(carrier.open(at(mute)))).toBe("unavailable");
  expect(await failureCode(carrier.open(at(rude)))).toBe("unavailable");
  const aborted = new AbortController();
  const opening = tlsCarrier().open(at(mute), { signal: aborted.signal });
  aborted.abort();
  expect(await failureCode(opening)).toBe("unavailable");
  expect(await failureCode(carrier.open(at(mute), { signal: aborted.signal }))).toBe("unavailable");
  await Promise.all([mute, rude].map((server) => new Promise((resolve) => server.close(resolve))));
  expect(await failureCode(carrier.open(gone))).toBe("unavailable");
});

test("after a relay's restart the subscription goes on behind the last cell, and acknowledgements are repeated", () =>
  withRelay(async ({ relay, client, restart }) => {
    const [alice, bob] = [client(), client()];
    const queue = newQueue();
    await bob.createQueue(relay.address, queue);
    const inbox = new Inbox();
    const subscription = inbox.read(bob, relay.address, queue, 100);
    await Promise.all(numbers(1, 3).map((n) => alice.send(relay.address, queue, cellOf(n))));
    await inbox.until(() => inbox.seqs.length === 3);
    await subscription.acknowledge([1]);

    const restarted = restart();
    const acknowledged = subscription.acknowledge([2, 3]);
    await restarted;
    await acknowledged;
    expect(await client().send(relay.address, queue, cellOf(4))).toBe("accepted");
    await inbox.until(() => inbox.seqs.length === 4);
    expect(inbox.seqs).toEqual([1, 2, 3, 4]);
    expect(inbox.ends).toEqual([]);

    const again = new Inbox();
    again.read(client(), relay.address, queue, 100);
    await again.until(() => again.seqs.length === 1);
    expect(again.seqs).toEqual([4]);
    await inbox.until(() => inbox.ends.length === 1);
    expect(inbox.ends).toEqual(["taken-over"]);
    expect(await failureCode(subscription.acknowledge([4]))).toBe("nonexistent");
  }));

test("a subscription begun anew brings everything that was not acknowledged, once", () =>
  withRelay(async ({ relay, client }) => {
    const bob = client();
    const queue = newQueue();
    await bob.createQueue(relay.address, queue);
    await Promise.all(numbers(1, 40).map((n) => bob.send(relay.address, queue, cellOf(n))));
    const first = new Inbox();
    const subscription = first.read(bob, relay.address, queue, 100);
    await first.until(() => first.seqs.length >= 5);
    await subscription.acknowledge([1, 2, 4]);
    subscription.close();
    const seen = first.seqs.length;
    const second = new Inbox();
    second.read(bob, relay.address, queue, 100);
    await second.until(() => second.seqs.length === 37);
    await bob.send(relay.address, queue, cellOf(41));
    await second.until(() => second.seqs.length === 38);
    expect(second.seqs).toEqual([3, ...numbers(5, 41)]);
    expect(first.seqs.length).toBe(seen);
    expect(await failureCode(subscription.acknowledge([3]))).toBe("unavailable");
  }));

test("a full queue, a deleted one and a wrong key have their own outcomes", () =>
  withRelay(
    async ({ relay, client }) => {
      const [alice, bob] = [client(), client()];
      const queue = newQueue();
      await bob.createQueue(relay.address, queue);
      await bob.createQueue(relay.address, queue);
      const wrong = { ...queue, senderKey: randomBytes(32) };
      expect(await failureCode(bob.createQueue(relay.address, wrong))).toBe("already-exists");
      expect(await failureCode(bob.createQueue({ ...relay.address, token: randomBytes(32) }, newQueue()))).toBe(
        "forbidden",
      );
      const { host, port, pin } = relay.address;
      expect(await failureCode(bob.createQueue({ host, port, pin }, newQueue()))).toBe("forbidden");
      expect(await alice.send(relay.address, wrong, cellOf(1))).toBe("gone");
      const three = [1, 2, 3].map((n) => alice.send(relay.address, queue, cellOf(n)));
      expect(await Promise.all(three)).toEqual(["accepted", "accepted", "full"]);
      const inbox = new Inbox();
      inbox.read(bob, relay.address, queue, 10);
      await inbox.until(() => inbox.seqs.length === 2);
      await alice.deleteQueue(relay.address, queue);
      await alice.deleteQueue(relay.address, queue);
      await inbox.until(() => inbox.ends.length === 1);
      expect(inbox.ends).toEqual(["gone"]);
      expect(await alice.send(relay.address, queue, cellOf(1))).toBe("gone");
    },
    { queueOctets: 2 * 16_256 },
  ));

test("a slot is put, claimed, resumed, burned by a second claim, and deleted", () =>
  withRelay(async ({ relay, client }) => {
    const [owner, claimant] = [client(), client()];
    const slot = { slotId: randomBytes(24), ownerSeed: randomBytes(32) };
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const expires = Date.now() + 60_000;
    await owner.putSlot(relay.address, slot, expires, cellOf(9));
    await owner.putSlot(relay.address, slot, expires, cellOf(9));
    expect(await failureCode(owner.putSlot(relay.address, slot, expires, cellOf(8)))).toBe("already-exists");
    expect(await owner.slotStatus(relay.address, slot)).toBe("open");
    expect(await claimant.claimSlot(relay.address, slot.slotId, first)).toEqual({ kind: "cell", cell: cellOf(9) });
    expect(await owner.slotStatus(relay.address, slot)).toBe("claimed");
    expect(await claimant.claimSlot(relay.address, slot.slotId, first)).toEqual({ kind: "cell", cell: cellOf(9) });
    expect(await claimant.claimSlot(relay.address, slot.slotId, second)).toEqual({ kind: "burned" });
    expect(await claimant.claimSlot(relay.address, slot.slotId, first)).toEqual({ kind: "burned" });
    expect(await owner.slotStatus(relay.address, slot)).toBe("burned");
    await owner.deleteSlot(relay.address, slot);
    await owner.deleteSlot(relay.address, slot);
    expect(await owner.slotStatus(relay.address, slot)).toBe("gone");
    expect(await claimant.claimSlot(relay.address, slot.slotId, first)).toEqual({ kind: "gone" });
    const over = { slotId: randomBytes(24), ownerSeed: randomBytes(32) };
    await owner.putSlot(relay.address, over, 1, cellOf(1));
    expect(await claimant.claimSlot(relay.address, over.slotId, first)).toEqual({ kind: "expired" });
  }));

const SOMEWHERE: RelayAddress = { host: "relay.example", port: 1, pin: Buffer.alloc(32), token: Buffer.alloc(32, 1) };

test("requests under way when the connection breaks reject as unavailable, and the next one connects again", async () => {
  const carrier = new ScriptedCarrier();
  const states: boolean[] = [];
  const client = createRelayClient({
    carrier,
    clock: new FakeClock(),
    onConnection: (_, connected) => states.push(connected),
  });
  const sends = [1, 2].map((n) => client.send(SOMEWHERE, newQueue(), cellOf(n)));
  const first = await carrier.connection();
  await first.greet();
  const frames = [await first.hear(), await first.hear()];
  first.say({ kind: "ok" }, frames[0]?.correlation ?? 0);
  expect(await sends[0]).toBe("accepted");
  first.break();
  expect(await failureCode(sends[1] ?? Promise.resolve())).toBe("unavailable");
  await client.close();
  expect(states).toEqual([true, false]);
  expect(await failureCode(client.send(SOMEWHERE, newQueue(), cellOf(1)))).toBe("unavailable");
});

test("a relay that cannot store just now makes the request unavailable, not lost", async () => {
  const carrier = new ScriptedCarrier();
  const client = createRelayClient({ carrier, clock: new FakeClock() });
  const sending = failureCode(client.send(SOMEWHERE, newQueue(), cellOf(1)));
  const relay = await carrier.connection();
  await relay.greet();
  relay.say({ kind: "refused", reason: "retry" }, (await relay.hear()).correlation);
  expect(await sending).toBe("unavailable");
  await client.close();
});

test("a relay that says what is not of the protocol, or speaks only other versions, is hung up on", async () => {
  for (const spoil of ["bytes", "versions", "unasked"] as const) {
    const carrier = new ScriptedCarrier();
    const client = createRelayClient({ carrier, clock: new FakeClock() });
    const sending = failureCode(client.send(SOMEWHERE, newQueue(), cellOf(1)));
    const relay = await carrier.connection();
    if (spoil === "bytes") relay.sayBytes(Buffer.alloc(16_384, 0xff));
    else if (spoil === "versions") relay.say({ kind: "versions", versions: [4, 5] });
    else {
      await relay.greet();
      relay.say({ kind: "ok" }, 4_000);
    }
    expect(await sending).toBe("unavailable");
    await client.close();
  }
});

test("a silent connection is pinged each minute, and given up when the answer stays away", async () => {
  const carrier = new ScriptedCarrier();
  const clock = new FakeClock();
  const states: boolean[] = [];
  const client = createRelayClient({ carrier, clock, onConnection: (_, connected) => states.push(connected) });
  const sending = client.send(SOMEWHERE, newQueue(), cellOf(1));
  const relay = await carrier.connection();
  await relay.greet();
  relay.say({ kind: "ok" }, (await relay.hear()).correlation);
  await sending;
  clock.advance(70_000);
  const ping = await relay.hear();
  expect(ping.message).toEqual({ kind: "ping" });
  const probe = client.send(SOMEWHERE, newQueue(), cellOf(1));
  relay.say({ kind: "ok" }, ping.correlation);
  relay.say({ kind: "ok" }, (await relay.hear()).correlation);
  await probe;
  expect(client.connected(SOMEWHERE)).toBe(true);
  clock.advance(100_000);
  expect(client.connected(SOMEWHERE)).toBe(false);
  expect(states).toEqual([true, false]);
  await client.close();
});

test("while something is subscribed, a lost relay is tried again after growing pauses of half a second to a minute", async () => {
  const carrier = new ScriptedCarrier();
  const clock = new FakeClock();
  const client = createRelayClient({ carrier, clock, jitter: () => 1 });
  carrier.down = true;
  client.subscribe(SOMEWHERE, newQueue(), { credit: 1, onCell: () => undefined });
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await settled();
  const tries: number[] = [];
  for (let step = 0; step < 720; step++) {
    const before = carrier.opened;
    clock.advance(250);
    await settled();
    if (carrier.opened > before) tries.push((step + 1) * 250);
  }
  const pauses = tries.map((at, index) => at - (tries[index - 1] ?? 0));
  expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);

  // A request does not wait for the pause to end, unless the last try was a moment ago.
  const send = (): Promise<unknown> => client.send(SOMEWHERE, newQueue(), cellOf(1));
  expect(await failureCode(send())).toBe("unavailable");
  carrier.down = false;
  const opened = carrier.opened;
  expect(await failureCode(send())).toBe("unavailable");
  expect(carrier.opened).toBe(opened);
  clock.advance(1_000);
  const sending = send();
  const relay = await carrier.connection();
  await relay.greet();
  const heard = [await relay.hear(), await relay.hear()];
  expect(heard.map(({ message }) => message.kind).sort()).toEqual(["send", "subscribe"]);
  relay.say({ kind: "ok" }, heard.find(({ message }) => message.kind === "send")?.correlation ?? 0);
  expect(await sending).toBe("accepted");
  await client.close();
});

test("credit is told in few blocks, and in time before the relay has to pause", async () => {
  const carrier = new ScriptedCarrier();
  const client = createRelayClient({ carrier, clock: new FakeClock() });
  const queue = newQueue();
  const subscription = client.subscribe(SOMEWHERE, queue, {
    credit: 8,
    onCell: () => subscription.credit(1),
  });
  const relay = await carrier.connection();
  await relay.greet();
  const { correlation, message } = await relay.hear();
  expect(message).toMatchObject({ kind: "subscribe", after: 0, credit: 8 });
  relay.say({ kind: "message", recipientId: queue.recipientId, seq: 99, cell: cellOf(1) });
  relay.say({ kind: "subscribed", nextSeq: 9 }, correlation);
  for (const seq of numbers(1, 8)) relay.say({ kind: "message", recipientId: queue.recipientId, seq, cell: cellOf(1) });
  expect((await relay.hear()).message).toMatchObject({ kind: "credit", count: 4 });
  expect((await relay.hear()).message).toMatchObject({ kind: "credit", count: 4 });
  await client.close();
});

test("a relay that pushes more than it has credit for is hung up on, and its surplus goes nowhere", async () => {
  const carrier = new ScriptedCarrier();
  const client = createRelayClient({ carrier, clock: new FakeClock() });
  const queue = newQueue();
  const inbox = new Inbox();
  inbox.read(client, SOMEWHERE, queue, 2);
  const relay = await carrier.connection();
  await relay.greet();
  relay.say({ kind: "subscribed", nextSeq: 9 }, (await relay.hear()).correlation);
  const probe = failureCode(client.send(SOMEWHERE, newQueue(), cellOf(1)));
  for (const seq of numbers(1, 3)) relay.say({ kind: "message", recipientId: queue.recipientId, seq, cell: cellOf(1) });
  expect(await probe).toBe("unavailable");
  expect(inbox.seqs).toEqual([1, 2]);
  await client.close();
});

test("acknowledgements handed in while one is under way go out together, and are repeated on the next connection", async () => {
  const carrier = new ScriptedCarrier();
  const clock = new FakeClock();
  const client = createRelayClient({ carrier, clock });
  const queue = newQueue();
  const subscription = client.subscribe(SOMEWHERE, queue, { credit: 8, onCell: () => undefined });
  const first = await carrier.connection();
  await first.greet();
  first.say({ kind: "subscribed", nextSeq: 9 }, (await first.hear()).correlation);
  const one = subscription.acknowledge([5]);
  expect((await first.hear()).message).toMatchObject({ ranges: [{ first: 5, last: 5 }] });
  const others = [subscription.acknowledge([1, 2]), subscription.acknowledge([3]), subscription.acknowledge([7])];
  first.break();
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(1_000);
  const second = await carrier.connection();
  await second.greet();
  second.say({ kind: "subscribed", nextSeq: 9 }, (await second.hear()).correlation);
  const { correlation, message } = await second.hear();
  expect(message).toMatchObject({
    ranges: [
      { first: 1, last: 3 },
      { first: 5, last: 5 },
      { first: 7, last: 7 },
    ],
  });
  second.say({ kind: "ok" }, correlation);
  await Promise.all([one, ...others]);
  await client.close();
});
