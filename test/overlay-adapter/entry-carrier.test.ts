import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { expect, test } from "@jest/globals";
import { type Clock, systemClock } from "../../foundation/clock.ts";
import type { Failure } from "../../foundation/failure.ts";
import type { Carrier } from "../../overlay-adapter/carriers/carrier.ts";
import { entryCarrier } from "../../overlay-adapter/carriers/entry-carrier.ts";
import { tlsCarrier } from "../../overlay-adapter/carriers/tls-carrier.ts";
import { createRelayClient } from "../../overlay-adapter/relay-client/relay-client.ts";
import { type Relay, type RelayOptions, startRelay } from "../../relay/relay.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { cellOf, inTemporaryDirectory, newQueue } from "../relay/fixtures.ts";
import { OutgoingConnections } from "./outgoing-connections.ts";
import { befriend, Person, sha256 } from "./person.ts";

interface Scene {
  readonly entry: Relay;
  readonly exit: Relay;
  readonly restart: (options?: Partial<RelayOptions>) => Promise<Relay>;
}

/** An entry relay and another one, on addresses of their own. */
function withRelays(work: (scene: Scene) => Promise<void>, options: Partial<RelayOptions> = {}): Promise<void> {
  return inTemporaryDirectory(async (parent) => {
    const directory = join(parent, "entry");
    let entry = await startRelay({ directory, host: "127.0.0.1", port: 0, forward: "any", ...options });
    const exit = await startRelay({ directory: join(parent, "exit"), host: "127.0.0.1", port: 0 });
    try {
      await work({
        entry,
        exit,
        restart: async (changed) =>
          (entry = await startRelay({ directory, host: "127.0.0.1", port: entry.port, forward: "any", ...changed })),
      });
    } finally {
      await entry.stop();
      await exit.stop();
    }
  });
}

/** Pauses between tries, up to the five minutes that they grow to, are a hundredth. */
const HASTY: Clock = {
  now: () => Date.now(),
  after: (delay, callback) => systemClock.after(delay <= 300_000 ? delay / 100 : delay, callback),
};

/** A carrier that keeps what its streams carry, as the relay at their other end reads it, and whom they lead to. */
class Overheard implements Carrier {
  readonly #carrier = tlsCarrier();
  readonly properties = this.#carrier.properties;
  readonly opened: RelayAddress[] = [];
  readonly pieces: Buffer[] = [];

  async open(...[relay, options]: Parameters<Carrier["open"]>): ReturnType<Carrier["open"]> {
    const carried = await this.#carrier.open(relay, options);
    this.opened.push(relay);
    const { stream } = carried;
    const write = stream.write.bind(stream) as (...parameters: unknown[]) => boolean;
    stream.write = (piece: unknown, ...rest: unknown[]) => {
      this.pieces.push(Buffer.from(piece as Buffer));
      return write(piece, ...rest);
    };
    return carried;
  }
}

async function failure(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    () => {
      throw new Error("it should have failed");
    },
    (error: Failure) => error,
  );
}

test("a cell reaches the other relay through the entry relay, which reads neither queue nor cell and alone is dialled", () =>
  withRelays(async ({ entry, exit }) => {
    const through = new Overheard();
    const sendingCarrier = entryCarrier({ entries: [entry.address], through });
    const client = createRelayClient({ carrier: tlsCarrier(), sendingCarrier });
    const queue = newQueue();
    const cells: Buffer[] = [];
    try {
      await client.createQueue(exit.address, queue);
      const cell = randomBytes(16_256);
      expect(await client.send(exit.address, queue, cell)).toBe("accepted");
      expect(await client.send(exit.address, { ...queue, senderKey: randomBytes(32) }, cell)).toBe("gone");
      await new Promise<void>((resolve) => {
        client.subscribe(exit.address, queue, { credit: 9, onCell: (_seq, came) => resolve(void cells.push(came)) });
      });
      expect(cells[0]?.equals(cell)).toBe(true);
      expect(through.opened.map(({ port }) => port)).toEqual([entry.port]);
      const read = Buffer.concat(through.pieces);
      expect(read.length % 16_384).toBe(0);
      expect(read.includes(exit.address.pin)).toBe(true);
      for (const secret of [queue.senderId, queue.recipientId, queue.senderKey, cell.subarray(0, 32)])
        expect(read.includes(secret)).toBe(false);
      expect(entry.counts()).toMatchObject({ queues: 0, cells: 0 });
      expect(entry.counters.get("forwards")).toBe(1);
    } finally {
      await client.close();
    }
  }));

test("whole letters go through it both ways, in order and as they were, small and large", () =>
  withRelays(async ({ entry, exit }) => {
    const sendingCarrier = entryCarrier({ entries: [entry.address], through: tlsCarrier() });
    const people = [0, 1].map(() => new Person(exit.address, { sendingCarrier })) as [Person, Person];
    try {
      const [a, b] = people;
      await befriend(a, b);
      const large = randomBytes(3_000_000);
      for (const content of ["one", large, "three"]) await a.send(content, b);
      await b.send("back", a);
      await Promise.all([b.untilLetters(3), a.untilLetters(1)]);
      expect(b.contents()).toEqual(["one", sha256(large), "three"]);
      expect(a.contents()).toEqual(["back"]);
      expect(entry.counts()).toMatchObject({ queues: 0, cells: 0 });
    } finally {
      await Promise.all(people.map((person) => person.close()));
    }
  }));

test("while the entry relay is down nobody else is dialled and no name is looked up; the letter goes once it is back", () =>
  withRelays(async ({ entry, exit, restart }) => {
    // Were somebody to go there directly, it would be by name.
    const far = { ...exit.address, host: "localhost" };
    const sendingCarrier = entryCarrier({ entries: [entry.address], through: tlsCarrier() });
    const people = [new Person(exit.address, { sendingCarrier, clock: HASTY }), new Person(far)] as const;
    const outgoing = new OutgoingConnections();
    try {
      const [a, b] = people;
      await befriend(b, a);
      await entry.stop();
      outgoing.watch();
      await a.send("waits for the entry relay", b);
      await a.until(() => a.overlay.status().waiting === 1 && outgoing.tries >= 3);
      expect(outgoing.places()).toEqual([`127.0.0.1:${entry.port}`]);
      expect(outgoing.lookUps).toBe(0);
      outgoing.stop();
      await restart();
      await b.untilLetters(1);
      expect(b.contents()).toEqual(["waits for the entry relay"]);
    } finally {
      outgoing.stop();
      await Promise.all(people.map((person) => person.close()));
    }
  }));

test("the recipient's own relay is never the entry to itself: another one is taken, and with none nothing is sent", () =>
  withRelays(async ({ entry, exit }) => {
    const through = new Overheard();
    const only = entryCarrier({ entries: [exit.address], through });
    const refused = await failure(only.open(exit.address));
    expect([refused.code, refused.message]).toEqual(["unavailable", expect.stringContaining("name a second one")]);
    expect(through.opened).toEqual([]);
    const two = entryCarrier({ entries: [exit.address, entry.address], through });
    (await two.open(exit.address)).stream.destroy();
    expect(through.opened.map(({ port }) => port)).toEqual([entry.port]);
  }));

test("an entry relay that does not lead strangers, or only to the public internet, or has no room, says so", () =>
  withRelays(async ({ entry, exit, restart }) => {
    const carrier = entryCarrier({ entries: [entry.address], through: tlsCarrier() });
    const messages: string[] = [];
    for (const options of [
      { forward: "none" },
      { forward: "public" },
      { limits: { forwards: 0 } },
    ] satisfies Partial<RelayOptions>[]) {
      await entry.stop();
      const changed = await restart(options);
      const refused = await failure(carrier.open(exit.address));
      expect(refused.code).toBe("unavailable");
      messages.push(refused.message);
      await changed.stop();
    }
    await restart();
    expect(messages).toEqual([
      expect.stringContaining("choose another"),
      expect.stringContaining("choose another"),
      expect.stringContaining("leads as many"),
    ]);
  }));

test("what is behind the entry relay has to hold the key that was asked for, and an impostor is told from a silent relay", () =>
  withRelays(async ({ entry, exit }) => {
    const carrier = entryCarrier({ entries: [entry.address], through: tlsCarrier() });
    const wrong = await failure(carrier.open({ ...exit.address, pin: randomBytes(32) }));
    const gone = await failure(carrier.open({ ...exit.address, port: 1 }));
    expect([wrong.code, gone.code]).toEqual(["unavailable", "unavailable"]);
  }));

test("streams end together: the client's end reaches the relay, and the relay's end the client", () =>
  withRelays(async ({ entry, exit }) => {
    const carrier = entryCarrier({ entries: [entry.address], through: tlsCarrier() });
    const { stream } = await carrier.open(exit.address);
    expect(stream).toBeInstanceOf(Duplex);
    // The stream within the entry relay's one is a connection, too.
    while (exit.counts().connections < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(entry.counts().connections).toBe(1);
    stream.destroy();
    while (entry.counts().connections + exit.counts().connections > 0)
      await new Promise((resolve) => setImmediate(resolve));
    const client = createRelayClient({ carrier });
    const queue = newQueue();
    await client.createQueue(exit.address, queue);
    await exit.stop();
    expect((await failure(client.send(exit.address, queue, cellOf(1)))).code).toBe("unavailable");
    await client.close();
    while (entry.counts().connections > 0) await new Promise((resolve) => setImmediate(resolve));
  }));
