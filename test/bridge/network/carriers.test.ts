import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import {
  composeCarrier,
  composeCarriers,
  composeSendingCarrier,
  describeRoute,
  routeOf,
} from "../../../bridge/network/carriers.ts";
import { tlsCarrier } from "../../../overlay-adapter/carriers/tls-carrier.ts";
import { startRelay } from "../../../relay/relay.ts";
import { toClient } from "../../../relay/wire/frame.ts";
import { EXPORTER_SIZE } from "../../../relay/wire/size.ts";
import { OutgoingConnections } from "../../overlay-adapter/outgoing-connections.ts";
import { TestProxy } from "../../overlay-adapter/socks-proxy.ts";
import { inTemporaryDirectory } from "../../relay/fixtures.ts";

const INSTANT = { mode: "instant", interval: 300 } as const;

test("with a proxy only the bridge's own relay is reached without it, inside the process, whatever its address says", () =>
  inTemporaryDirectory(async (folder) => {
    const relays = await Promise.all(
      ["own", "other"].map((name) => startRelay({ directory: join(folder, name), host: "0.0.0.0", port: 0 })),
    );
    const proxy = await new TestProxy().start();
    try {
      const [own, other] = relays.map(({ address, port }) => ({ ...address, host: "far.example", port }));
      const [relay] = relays;
      if (own === undefined || other === undefined || relay === undefined) throw new Error("no relays");
      const here = { listens: { host: "0.0.0.0", port: own.port }, open: () => relay.open() };
      const carrier = composeCarrier({ proxy: proxy.address }, { address: { ...own, port: 1 }, here });
      const outgoing = new OutgoingConnections().watch();
      for (const to of [{ ...own, port: 1 }, other]) (await carrier.open(to)).stream.destroy();
      outgoing.stop();
      expect(proxy.asked).toEqual([expect.objectContaining({ host: "far.example", port: other.port })]);
      expect(outgoing.places()).not.toContain(`127.0.0.1:${own.port}`);
      expect(outgoing.lookUps).toBe(0);
    } finally {
      await proxy.stop();
      await Promise.all(relays.map((relay) => relay.stop()));
    }
  }));

test("contacts' relays are reached through the entry relays alone, and the status names them", () => {
  const pin = Buffer.alloc(32, 1).toString("base64url");
  const entries = ["one.example", "two.example"].map((host) => `postern-relay://${host}:4523/${pin}`);
  expect(composeSendingCarrier({}, tlsCarrier())).toBeUndefined();
  expect(composeSendingCarrier({ entries }, tlsCarrier())?.properties).toMatchObject({ hidesIp: true, isolates: true });
  const route = routeOf({ cover: INSTANT, entries });
  expect(route).toEqual({ via: "direct", entries: ["one.example", "two.example"], mode: "instant", hidesIp: false });
  expect(describeRoute(route)).toContain("contacts' through one.example or two.example, never around it");
  expect(describeRoute(route)).toContain(
    "your own and the entry relay directly: they see this machine's network address",
  );
});

test("the status says plainly whether relays see this machine's address", () => {
  expect(routeOf({ cover: INSTANT })).toEqual({ via: "direct", mode: "instant", hidesIp: false });
  expect(describeRoute(routeOf({ cover: INSTANT }))).toContain("they see this machine's network address");
  const proxied = routeOf({ cover: INSTANT, proxy: { host: "127.0.0.1", port: 9050 } });
  expect(proxied).toEqual({ via: "socks5", proxy: "socks5://127.0.0.1:9050", mode: "instant", hidesIp: true });
  expect(describeRoute(proxied)).toBe("through the proxy socks5://127.0.0.1:9050, never around it");
});

test("the mode holds on both ways: dummies now and then in instant mode, and only scheduled blocks in the other", () => {
  const own = { address: { host: "own.example", port: 1, pin: Buffer.alloc(32) } };
  const entries = [`postern-relay://one.example:4523/${Buffer.alloc(32, 1).toString("base64url")}`];
  const instant = composeCarriers({ cover: { mode: "instant", interval: 60 }, entries }, own);
  const scheduled = composeCarriers({ cover: { mode: "scheduled", interval: 60 }, entries }, own);
  for (const { properties } of [instant.carrier, instant.sendingCarrier ?? instant.carrier])
    expect(properties).toMatchObject({ dummyInterval: 60_000 });
  for (const { properties } of [scheduled.carrier, scheduled.sendingCarrier ?? scheduled.carrier])
    expect(properties).toMatchObject({ scheduled: true });
  expect(scheduled.sendingCarrier?.properties).toMatchObject({ hidesIp: true });
});

test("the bridge's own relay speaks its protocol without TLS, counts the connection, and ends it when it stops", () =>
  inTemporaryDirectory(async (folder) => {
    const relay = await startRelay({ directory: folder, host: "127.0.0.1", port: 0 });
    const here = { listens: { host: "127.0.0.1", port: relay.port }, open: () => relay.open() };
    const carrier = composeCarrier({}, { address: relay.address, here });
    const [left, kept] = [await carrier.open(relay.address), await carrier.open(relay.address)];
    expect(left.exporter()).toHaveLength(EXPORTER_SIZE);
    expect(left.exporter().equals(kept.exporter())).toBe(false);
    const [block] = (await once(left.stream, "data")) as [Buffer];
    expect(toClient.decode(block).message.kind).toBe("versions");
    expect(relay.counts().connections).toBe(2);

    left.stream.destroy();
    await once(left.stream, "close");
    await new Promise(setImmediate);
    expect(relay.counts().connections).toBe(1);
    const closed = once(kept.stream, "close");
    await relay.stop();
    await closed;
  }));
