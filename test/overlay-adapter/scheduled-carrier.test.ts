import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { systemClock } from "../../foundation/clock.ts";
import { exponentialInterval } from "../../foundation/exponential.ts";
import type { Carrier, CarrierStream } from "../../overlay-adapter/carriers/carrier.ts";
import { dummiesCarrier, scheduledCarrier } from "../../overlay-adapter/carriers/scheduled-carrier.ts";
import { tlsCarrier } from "../../overlay-adapter/carriers/tls-carrier.ts";
import { createRelayClient, type RelayClient } from "../../overlay-adapter/relay-client/relay-client.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { BLOCK_SIZE } from "../../relay/wire/block.ts";
import { FakeClock } from "../relay/fake-clock.ts";
import { cellOf, inTemporaryDirectory, newQueue } from "../relay/fixtures.ts";
import { befriend, Person, sha256 } from "./person.ts";

const MEAN = 300_000;

/** What somebody who watches the network sees of the streams of a carrier: when octets go, which way, and how many. */
class Observer implements Carrier {
  readonly #carrier = tlsCarrier();
  readonly properties = this.#carrier.properties;
  readonly #now: () => number;
  /** Times at which something went up. */
  readonly ticks: number[] = [];
  readonly sizes: number[] = [];
  up = 0;
  down = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  async open(...[relay, options]: Parameters<Carrier["open"]>): Promise<CarrierStream> {
    const carried = await this.#carrier.open(relay, options);
    const { stream } = carried;
    stream.on("data", (piece: Buffer) => {
      this.down += piece.length;
    });
    const write = stream.write.bind(stream) as (piece: Buffer) => boolean;
    stream.write = (piece: unknown) => {
      const { length } = piece as Buffer;
      this.up += length;
      this.sizes.push(length);
      this.ticks.push(this.#now());
      return write(piece as Buffer);
    };
    return carried;
  }
}

function withRelay(work: (relay: Relay) => Promise<void>): Promise<void> {
  return inTemporaryDirectory(async (parent) => {
    const relay = await startRelay({ directory: join(parent, "relay"), host: "127.0.0.1", port: 0 });
    try {
      await work(relay);
    } finally {
      await relay.stop();
    }
  });
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Lets time pass as the relay answers. */
async function pass(clock: FakeClock, observer: Observer, minutes: number, client: RelayClient): Promise<void> {
  for (let step = 0; step < minutes * 6; step++) {
    clock.advance(10_000);
    // The greeting was two blocks up and one down, from then on there is one down for each up.
    while (observer.down + BLOCK_SIZE < observer.up) await turn();
  }
  await client.close();
}

interface Watched {
  readonly wrap: (carrier: Carrier, clock: FakeClock) => Carrier;
  readonly minutes: number;
}

/** A hundred minutes of a connection, or its first moments alone; idle or while 1 MB goes out and as much waits to come in, as an observer measures it. */
async function watch(relay: Relay, busy: boolean, { wrap, minutes }: Watched): Promise<number[]> {
  const clock = new FakeClock();
  const observer = new Observer(() => clock.now());
  const direct = createRelayClient({ carrier: tlsCarrier() });
  const client = createRelayClient({ carrier: wrap(observer, clock), clock });
  const [own, foreign] = [newQueue(), newQueue()];
  try {
    await Promise.all([own, foreign].map((queue) => direct.createQueue(relay.address, queue)));
    if (busy) for (let cell = 0; cell < 64; cell++) await direct.send(relay.address, own, cellOf(cell));
    client.subscribe(relay.address, own, { credit: 64, onCell: () => undefined });
    while (!client.connected(relay.address)) await turn();
    const sending = numbers(busy ? 64 : 0).map((cell) => client.send(relay.address, foreign, cellOf(cell)));
    if (minutes === 0) await Promise.all(sending);
    else
      await Promise.all([
        ...sending.map((sent) => sent.catch(() => undefined)),
        pass(clock, observer, minutes, client),
      ]);
    const gaps = observer.ticks.slice(1).map((at, index) => at - (observer.ticks[index] ?? 0));
    const { mean, deviation } = statistics(gaps);
    const { up, down, ticks } = observer;
    return [up, down, up / ticks.length, down / up, mean, deviation, Math.max(...gaps), Math.min(...gaps)];
  } finally {
    await Promise.all([client.close(), direct.close()]);
  }
}

interface Sample {
  readonly busy: boolean;
  readonly features: readonly number[];
}

/**
 * How many of the samples a classifier gets right that has learned from all others: it takes the one feature that tells
 * those best apart, measured in their standard deviations, and says to which mean the sample is nearer.
 */
function classified(samples: readonly Sample[]): number {
  const right = samples.filter((sample) => {
    const others = samples.filter((other) => other !== sample);
    const judgements = sample.features.map((value, index) => {
      const of = (busy: boolean) =>
        others.filter((other) => other.busy === busy).map(({ features }) => features[index] ?? 0);
      const [busy, idle] = [statistics(of(true)), statistics(of(false))];
      return {
        separation: Math.abs(busy.mean - idle.mean) / (busy.deviation + idle.deviation || 1e-9),
        busy: Math.abs(value - busy.mean) < Math.abs(value - idle.mean),
      };
    });
    const best = judgements.toSorted((a, b) => b.separation - a.separation)[0];
    return best?.busy === sample.busy;
  });
  return right.length / samples.length;
}

function statistics(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
}

async function accuracy(count: number, watched: Watched): Promise<number> {
  const samples: { busy: boolean; features: number[] }[] = [];
  await withRelay(async (relay) => {
    for (let sample = 0; sample < count; sample++) {
      const busy = sample % 2 === 0;
      samples.push({ busy, features: await watch(relay, busy, watched) });
    }
  });
  return classified(samples);
}

test("a classifier of times and sizes cannot tell idle from 1 MB in scheduled mode, and does so always in instant mode", async () => {
  const scheduled = await accuracy(48, {
    wrap: (carrier, clock) => scheduledCarrier(carrier, { mean: MEAN, clock }),
    minutes: 100,
  });
  // Four standard deviations of guessing 48 times.
  expect(scheduled).toBeLessThan(0.5 + 4 * Math.sqrt(0.25 / 48));
  expect(await accuracy(8, { wrap: (carrier) => dummiesCarrier(carrier, { mean: MEAN }), minutes: 0 })).toBe(1);
}, 120_000);

test(
  "in scheduled mode each block up is followed by one block down, whatever is in them, and letters come whole",
  () =>
    withRelay(async (relay) => {
      const observers = [new Observer(Date.now), new Observer(Date.now)] as const;
      const people = observers.map(
        (observer) =>
          new Person(relay.address, { carrier: scheduledCarrier(observer, { mean: 3, clock: systemClock }) }),
      ) as [Person, Person];
      try {
        const [a, b] = people;
        await befriend(a, b);
        const large = randomBytes(200_000);
        await a.send("one", b);
        await a.send(large, b);
        await b.send("back", a);
        await Promise.all([b.untilLetters(2), a.untilLetters(1)]);
        expect(b.contents()).toEqual(["one", sha256(large)]);
        for (const { up, down, sizes } of observers) {
          expect([sizes[0], new Set(sizes.slice(1))]).toEqual([2 * BLOCK_SIZE, new Set([BLOCK_SIZE])]);
          // The relay's first block answers the greeting; at most one is on its way.
          expect([up - BLOCK_SIZE, up - 2 * BLOCK_SIZE]).toContain(down - (down % BLOCK_SIZE));
        }
      } finally {
        await Promise.all(people.map((person) => person.close()));
      }
    }),
  60_000,
);

test("a scheduled connection stands before and after it is used, and silence of hours does not end it", () =>
  withRelay(async (relay) => {
    const clock = new FakeClock();
    const observer = new Observer(() => clock.now());
    const carrier = scheduledCarrier(observer, { mean: MEAN, clock });
    const client = createRelayClient({ carrier, clock });
    try {
      client.hold(relay.address, randomBytes(24));
      while (!client.connected(relay.address)) await turn();
      // Hours in which nothing is said.
      await pass(clock, observer, 500, client);
      // All on one connection, which a second greeting would show.
      expect(observer.sizes.filter((size) => size === 2 * BLOCK_SIZE)).toHaveLength(1);
      expect(observer.sizes.length).toBeGreaterThan(50);
    } finally {
      await client.close();
    }
  }));

test("in instant mode dummies go both ways, at the mean that was asked for, and cost nothing else", () =>
  inTemporaryDirectory(async (parent) => {
    const clock = new FakeClock();
    const relay = await startRelay({ directory: join(parent, "relay"), host: "127.0.0.1", port: 0, clock });
    const observer = new Observer(() => clock.now());
    const client = createRelayClient({ carrier: dummiesCarrier(observer, { mean: 20_000 }), clock });
    try {
      const queue = newQueue();
      await client.createQueue(relay.address, queue);
      client.subscribe(relay.address, queue, { credit: 1, onCell: () => undefined });
      while (relay.counts().readers === 0) await turn();
      const before = { up: observer.up, down: observer.down };
      for (let step = 0; step < 400; step++) {
        clock.advance(1_000);
        for (let wait = 0; wait < 4; wait++) await turn();
      }
      const blocks = (octets: number) => octets / BLOCK_SIZE;
      // 20 of each side's own in 400 seconds, each with its answer; within five standard deviations.
      expect(blocks(observer.up - before.up)).toBeGreaterThan(8);
      expect(blocks(observer.up - before.up)).toBeLessThan(80);
      expect(observer.down - before.down).toBeGreaterThan(observer.up - before.up);
      expect(relay.counts().cells).toBe(0);
    } finally {
      await client.close();
      await relay.stop();
    }
  }));

test("intervals are exponential: they have their mean as standard deviation too, and are never negative or endless", () => {
  const draws = Array.from({ length: 20_000 }, () => exponentialInterval(100, randomBytes(4)));
  const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
  const deviation = Math.sqrt(draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / draws.length);
  for (const figure of [mean, deviation]) expect(Math.abs(figure - 100)).toBeLessThan(6);
  expect(exponentialInterval(100, Buffer.alloc(4, 255))).toBeCloseTo(0);
  expect(exponentialInterval(100, Buffer.alloc(4))).toBeLessThan(2_300);
});
