import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { Failure } from "../../foundation/failure.ts";
import { formatProxyUrl, parseProxyUrl } from "../../foundation/proxy-url.ts";
import { socksCarrier } from "../../overlay-adapter/carriers/socks-carrier.ts";
import { tlsCarrier } from "../../overlay-adapter/carriers/tls-carrier.ts";
import { createRelayClient, type RelayClient } from "../../overlay-adapter/relay-client/relay-client.ts";
import { IDLE_LIFETIME } from "../../overlay-adapter/relay-client/relay-limits.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { FakeClock } from "../relay/fake-clock.ts";
import { cellOf, inTemporaryDirectory, newQueue } from "../relay/fixtures.ts";
import { OutgoingConnections } from "./outgoing-connections.ts";
import { befriend, Person } from "./person.ts";
import { TestProxy } from "./socks-proxy.ts";

interface Scene {
  readonly proxy: TestProxy;
  readonly relay: Relay;
  /** The relay under a name that nothing but the proxy could make anything of. */
  readonly hidden: RelayAddress;
}

const ONION = `${"a".repeat(56)}.onion`;

function withProxy(work: (scene: Scene) => Promise<void>): Promise<void> {
  return inTemporaryDirectory(async (parent) => {
    const relay = await startRelay({ directory: join(parent, "relay"), host: "127.0.0.1", port: 0 });
    const proxy = await new TestProxy().start();
    try {
      await work({ proxy, relay, hidden: { ...relay.address, host: ONION } });
    } finally {
      await proxy.stop();
      await relay.stop();
    }
  });
}

async function failure(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    () => {
      throw new Error("it should have failed");
    },
    (error: Failure) => error,
  );
}

async function using<T>(client: RelayClient, work: (client: RelayClient) => Promise<T>): Promise<T> {
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

test("letters go both ways through the proxy, which gets the relay's name as it is; nothing is looked up or dialled here", () =>
  withProxy(async ({ proxy, hidden }) => {
    const people = [0, 1].map(() => new Person(hidden, { carrier: socksCarrier({ proxy: proxy.address }) }));
    const [a, b] = people as [Person, Person];
    const outgoing = new OutgoingConnections().watch();
    try {
      await befriend(a, b);
      await a.send("by onion", b);
      await b.send("and back", a);
      await Promise.all([a.untilLetters(1), b.untilLetters(1)]);
      expect([...a.contents(), ...b.contents()]).toEqual(["and back", "by onion"]);
      expect(new Set(proxy.asked.map(({ host, port }) => `${host}:${port}`))).toEqual(
        new Set([`${ONION}:${hidden.port}`]),
      );
      // The second place is what the proxy, in this process too, connects to.
      expect(new Set(outgoing.places())).toEqual(
        new Set([`127.0.0.1:${proxy.address.port}`, `127.0.0.1:${hidden.port}`]),
      );
      expect(outgoing.lookUps).toBe(0);
    } finally {
      outgoing.stop();
      await Promise.all(people.map((person) => person.close()));
    }
  }));

test("every queue has a connection and a circuit of its own: also the queue that is read and the one that is written to", () =>
  withProxy(async ({ proxy, relay, hidden }) => {
    const queues = [newQueue(), newQueue(), newQueue()];
    await using(createRelayClient({ carrier: socksCarrier({ proxy: proxy.address }) }), async (client) => {
      for (const queue of queues) await client.createQueue(hidden, queue);
      for (const queue of queues) client.subscribe(hidden, queue, { credit: 1, onCell: () => undefined });
      for (const queue of queues) expect(await client.send(hidden, queue, cellOf(1))).toBe("accepted");
      for (const queue of queues) expect(await client.send(hidden, queue, cellOf(2))).toBe("accepted");
      expect(client.connected(hidden)).toBe(true);
      expect(relay.counts().connections).toBe(6);
    });
    const users = proxy.asked.map(({ user }) => user);
    expect(users).toHaveLength(6);
    expect(new Set(users).size).toBe(6);
    for (const { recipientId, senderId } of queues)
      for (const id of [recipientId, senderId])
        for (const form of ["hex", "base64", "base64url"] as const)
          expect(users.join(" ")).not.toContain(id.toString(form));
  }));

test("the same queue has another SOCKS user name after a restart", () =>
  withProxy(async ({ proxy, hidden }) => {
    const queue = newQueue();
    for (let start = 0; start < 2; start++)
      await using(createRelayClient({ carrier: socksCarrier({ proxy: proxy.address }) }), (client) =>
        client.createQueue(hidden, queue),
      );
    expect(new Set(proxy.asked.map(({ user }) => user)).size).toBe(2);
  }));

test("a connection for one queue ends when nothing was asked on it for long, and the next letter opens another", () =>
  withProxy(async ({ proxy, relay, hidden }) => {
    const clock = new FakeClock();
    const [read, written] = [newQueue(), newQueue()];
    await using(createRelayClient({ carrier: socksCarrier({ proxy: proxy.address }), clock }), async (client) => {
      for (const queue of [read, written]) await client.createQueue(hidden, queue);
      const subscribed = client.subscribe(hidden, read, { credit: 1, onCell: () => undefined });
      expect(await client.send(hidden, written, cellOf(1))).toBe("accepted");
      expect(relay.counts().connections).toBe(3);
      clock.advance(IDLE_LIFETIME + 1);
      while (relay.counts().connections > 1) await new Promise((resolve) => setImmediate(resolve));
      expect(await client.send(hidden, written, cellOf(2))).toBe("accepted");
      const users = proxy.asked.map(({ user }) => user);
      const times = (at: number) => users.filter((user) => user === users[at]).length;
      expect([times(1), times(2)]).toEqual([1, 2]);
      subscribed.close();
    });
  }));

test("while the proxy is down there is no connection to anybody and no look-up, and the letter goes once it is back", () =>
  withProxy(async ({ proxy, hidden }) => {
    // A name and an address that lead to the relay, were somebody to go there directly.
    const at = { ...hidden, host: "localhost" };
    const people = [0, 1].map(() => new Person(at, { carrier: socksCarrier({ proxy: proxy.address }) }));
    const [a, b] = people as [Person, Person];
    const outgoing = new OutgoingConnections();
    try {
      await befriend(a, b);
      await proxy.stop();
      await a.until(() => a.events.some((event) => event.kind === "relay" && !event.connected));
      outgoing.watch();
      await a.send("waits for Tor", b);
      await a.until(() => a.overlay.status().waiting === 1 && outgoing.tries >= 5);
      expect(outgoing.places()).toEqual([`127.0.0.1:${proxy.address.port}`]);
      expect(outgoing.lookUps).toBe(0);
      outgoing.stop();
      await proxy.start();
      await b.untilLetters(1);
      expect(b.contents()).toEqual(["waits for Tor"]);
    } finally {
      outgoing.stop();
      await Promise.all(people.map((person) => person.close()));
    }
  }));

test("a proxy that is not there, refuses, is none, or leads to another relay, is told apart from each other", () =>
  withProxy(async ({ proxy, hidden }) => {
    const carrier = socksCarrier({ proxy: proxy.address, connectTimeout: 300 });
    const wrongKey = await failure(carrier.open({ ...hidden, pin: randomBytes(32) }));
    expect(wrongKey.code).toBe("forbidden");
    const refused = await failure(carrier.open({ ...hidden, port: 1 }));
    expect([refused.code, refused.message]).toEqual(["unavailable", expect.stringContaining(ONION)]);
    const mute = createServer((socket) => void socket.on("error", () => undefined));
    mute.listen(0, "127.0.0.1");
    await once(mute, "listening");
    const at = { host: "127.0.0.1", port: (mute.address() as AddressInfo).port };
    expect((await failure(socksCarrier({ proxy: at, connectTimeout: 100 }).open(hidden))).code).toBe("unavailable");
    const stopped = new AbortController();
    const opening = failure(socksCarrier({ proxy: at }).open(hidden, { signal: stopped.signal }));
    stopped.abort(new Error("closing"));
    expect((await opening).code).toBe("unavailable");
    mute.close();
    await proxy.stop();
    const down = await failure(carrier.open(hidden));
    expect([down.code, down.message]).toEqual(["unavailable", expect.stringContaining("is Tor running")]);
  }));

test("without a proxy an onion address is not even looked up", async () => {
  const outgoing = new OutgoingConnections().watch();
  const refused = await failure(tlsCarrier().open({ host: ONION, port: 4523, pin: randomBytes(32) }));
  outgoing.stop();
  expect([refused.code, refused.message]).toEqual(["unavailable", expect.stringContaining("[overlay]")]);
  expect([outgoing.places(), outgoing.lookUps]).toEqual([[], 0]);
});

test.each([
  ["socks5://127.0.0.1:9050", { host: "127.0.0.1", port: 9050 }],
  ["socks5h://[::1]:9150/", { host: "::1", port: 9150 }],
])("%s is a proxy", (text, proxy) => {
  expect(parseProxyUrl(text)).toEqual(proxy);
  expect(parseProxyUrl(formatProxyUrl(proxy))).toEqual(proxy);
});

test.each([
  "socks4://127.0.0.1:9050",
  "socks5://localhost:9050",
  "socks5://127.0.0.1",
  "socks5://a@127.0.0.1:1",
  "127.0.0.1:9050",
  "socks5://127.0.0.1:0",
])("%s is no proxy", (text) => {
  expect(() => parseProxyUrl(text)).toThrow(Failure);
});
