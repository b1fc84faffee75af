import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { isPublic } from "../../relay/forwarder.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { CarriedStream, type CarryingConnection } from "../../relay/wire/carried-stream.ts";
import { CARRY_MAX, type Carry } from "../../relay/wire/forward.ts";
import type { Command } from "../../relay/wire/frame.ts";
import { inTemporaryDirectory } from "./fixtures.ts";
import { RawClient } from "./raw-client.ts";

function withEntry(work: (entry: Relay, exit: Relay) => Promise<void>, limits = {}): Promise<void> {
  return inTemporaryDirectory(async (parent) => {
    const place = { host: "127.0.0.1", port: 0 };
    const entry = await startRelay({ directory: join(parent, "a"), ...place, forward: "any", limits });
    const exit = await startRelay({ directory: join(parent, "b"), ...place });
    try {
      await work(entry, exit);
    } finally {
      await entry.stop();
      await exit.stop();
    }
  });
}

function forwardTo({ address: { host, port, pin } }: Relay): Command {
  return { kind: "forward", host, port, pin };
}

test("it is no open proxy: only what proves to be the relay that was named is reached, and nothing else gets an octet", () =>
  withEntry(async (entry, exit) => {
    let heard = 0;
    const anybody = createServer((socket) =>
      socket.on("data", (piece) => (heard += piece.length)).on("error", () => 0),
    );
    anybody.listen(0, "127.0.0.1");
    await once(anybody, "listening");
    const { port } = anybody.address() as AddressInfo;
    const client = await RawClient.connect(entry.address);
    const asked = client.call({ ...forwardTo(exit), port } as Command);
    await once(anybody, "connection");
    await client.close();
    await asked.catch(() => undefined);
    // A TLS greeting is all that it gets, from which nobody can make a request of any kind.
    anybody.close();
    expect(heard).toBeLessThan(2_000);
    const other = await RawClient.connect(entry.address);
    for (const host of ["no host", "", "a".repeat(300), "x.onion"])
      expect(await other.call({ ...forwardTo(exit), host } as Command)).toMatchObject({ kind: "refused" });
    await other.close();
  }));

test("there are only so many at a time, of all and of one address, and an ended one makes room", () =>
  withEntry(
    async (entry, exit) => {
      const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(entry.address)));
      const [one, two, three] = clients as [RawClient, RawClient, RawClient];
      expect(await one.call(forwardTo(exit))).toEqual({ kind: "ok" });
      expect(await two.call(forwardTo(exit))).toEqual({ kind: "ok" });
      expect(await three.call(forwardTo(exit))).toEqual({ kind: "refused", reason: "full" });
      await one.close();
      while ((await three.call(forwardTo(exit))).kind !== "ok") await new Promise((resolve) => setImmediate(resolve));
      await Promise.all([two.close(), three.close()]);
    },
    { forwards: 2, refusalRate: { perSecond: 1e6, burst: 1e6 } },
  ));

test.each<[string, (Command | Carry)[]]>([
  ["carries before it has anywhere to carry to", [{ kind: "carry", bytes: Buffer.from("x") }]],
  [
    "asks for two ways at once",
    [1, 2].map(() => ({ kind: "forward", host: "127.0.0.1", port: 1, pin: Buffer.alloc(32) })),
  ],
  ["asks for something else on a connection that carries", [{ kind: "tunnel" }, { kind: "ping" }]],
])("a client that %s is disconnected", (_what, commands) =>
  withEntry(async (entry) => {
    const client = await RawClient.connect(entry.address);
    for (const command of commands) client.tell(command);
    await client.closed;
  }),
);

test("what comes in a tunnel and is no TLS ends it", () =>
  withEntry(async (entry) => {
    const client = await RawClient.connect(entry.address);
    expect(await client.call({ kind: "tunnel" })).toEqual({ kind: "ok" });
    client.tell({ kind: "carry", bytes: Buffer.from("GET / HTTP/1.1\r\n\r\n") });
    await client.closed;
    expect(entry.counts().connections).toBe(0);
  }));

test("a carried stream comes out as it went in, whatever its pieces are, and waits while there is no room", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 50_000, size: "max" }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.nat(3), async (written, roomEvery) => {
      const sent: Buffer[] = [];
      let fromStream: CarriedStream | undefined;
      const connection: CarryingConnection = {
        send(bytes) {
          sent.push(Buffer.from(bytes));
          const room = roomEvery === 0 || sent.length % (roomEvery + 1) !== 0;
          if (!room) setImmediate(() => fromStream?.drained());
          return room;
        },
        hungry: () => undefined,
        ended: () => undefined,
      };
      fromStream = new CarriedStream(connection);
      for (const piece of written) fromStream.write(piece);
      await new Promise<void>((resolve) => fromStream?.end(resolve));
      expect(Buffer.concat(sent).equals(Buffer.concat(written))).toBe(true);
      expect(Math.max(0, ...sent.map(({ length }) => length))).toBeLessThanOrEqual(CARRY_MAX);
      fromStream.destroy();
    }),
    { numRuns: 40 },
  );
});

test.each([
  ["8.8.8.8", true],
  ["127.0.0.1", false],
  ["10.1.2.3", false],
  ["100.64.0.1", false],
  ["169.254.169.254", false],
  ["172.31.0.1", false],
  ["192.168.1.1", false],
  ["224.0.0.1", false],
  ["0.0.0.0", false],
  ["2a00:1450:4001::1", true],
  ["::1", false],
  ["::ffff:10.0.0.1", false],
  ["fe80::1", false],
  ["fd00::1", false],
  ["2002:7f00:1::", false],
  ["64:ff9b::7f00:1", false],
])("whether %s is of the public internet: %s", (address, expected) => {
  expect(isPublic(address)).toBe(expected);
});
