import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { PUSH_DELAY, REFUSED_DELAYS, RETRY_DELAYS } from "../../legacy-gateway/limits.ts";
import type { NetworkWatch } from "../../legacy-gateway/provider/network-watch.ts";
import { localNetwork } from "../../legacy-gateway/provider/network-watch.ts";
import { box, FakeClock, mail } from "../maildir/home.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { PASSWORD, Recipient } from "./some-provider.ts";

const ADDRESS = "ann@old.example";
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A network whose changes the test makes. */
class SomeNetwork implements NetworkWatch {
  #listener: (() => void) | undefined;

  watch(onChange: () => void): () => void {
    this.#listener = onChange;
    return () => void (this.#listener = undefined);
  }

  change(): void {
    this.#listener?.();
  }
}

let clock: FakeClock;
let network: SomeNetwork;
let server: ScriptedServer;
let ann: Recipient;
beforeEach(async () => {
  clock = new FakeClock();
  network = new SomeNetwork();
  server = await ScriptedServer.start();
  server.letters.set(3, mail("letter 3"));
  ann = await Recipient.create({ clock, network, retryDelays: RETRY_DELAYS });
  ann.gateway.start();
  await ann.gateway.add(server.settings(ADDRESS), PASSWORD);
  await ann.upToDate();
});
afterEach(async () => {
  await ann.close();
  await server.stop();
});

function state() {
  const incoming = ann.gateway.standings()[0]?.incoming.state;
  if (incoming === undefined) throw new Error("no account");
  return incoming;
}

/** Lets so much time pass, and every attempt that falls into it fail. */
async function pass(time: number): Promise<void> {
  const end = clock.now() + time;
  for (;;) {
    await ann.until("it waits", () => state().kind === "waiting");
    const waiting = state();
    if (waiting.kind !== "waiting") continue;
    if (waiting.until > end) return clock.advance(end - clock.now());
    const attempts = server.connections;
    clock.advance(waiting.until - clock.now());
    await ann.until("it tries again", () => server.connections > attempts);
  }
}

test("a provider that is down for a day is asked ever more seldom, and all comes once it is back", async () => {
  server.isDown = true;
  server.cut();
  const before = server.connections;
  await pass(HOUR);
  expect(server.connections - before).toBeLessThanOrEqual(RETRY_DELAYS.length + 6);
  await pass(DAY - HOUR);
  expect(server.connections - before).toBeGreaterThan(100);
  expect(server.connections - before).toBeLessThanOrEqual(RETRY_DELAYS.length + DAY / (RETRY_DELAYS.at(-1) ?? 0));
  server.isDown = false;
  server.letters.set(4, mail("letter 4"));
  clock.advance(RETRY_DELAYS.at(-1) ?? 0);
  await ann.until("what came meanwhile is here", () => box(ann.mail, `${ADDRESS}/INBOX`).uids().length === 2);
});

test("once the network is another one it tries at once; what waited for long counts anew", async () => {
  server.isDown = true;
  server.cut();
  await pass(2 * HOUR);
  const { connections } = server;
  network.change();
  await ann.until("it tries", () => server.connections > connections);
  await ann.until("it waits", () => state().kind === "waiting");
  expect(state()).toMatchObject({ until: clock.now() + (RETRY_DELAYS[0] ?? 0) });
  server.isDown = false;
  network.change();
  await ann.upToDate();
});

test("a connection that seems to stand is given up when it is dead after the network has changed", async () => {
  const { connections } = server;
  server.twist = (command) => command === "NOOP";
  network.change();
  await ann.until("the connection is asked", () => server.commands.at(-1) === "NOOP");
  clock.advance(HOUR);
  await ann.until("it waits", () => state().kind === "waiting");
  clock.advance(RETRY_DELAYS[0] ?? 0);
  await ann.until("there is another one", () => server.connections > connections);
  await ann.upToDate();
});

test("a provider that refuses the password is left alone, whatever is changed here or in the network; one notice says so", async () => {
  server.twist = (command, say, _socket, tag) => {
    if (!/^(LOGIN|AUTHENTICATE)/i.test(command)) return false;
    say(`${tag} NO [AUTHENTICATIONFAILED] no`);
    return true;
  };
  server.cut();
  await ann.until("it waits", () => state().kind === "waiting");
  clock.advance(RETRY_DELAYS[0] ?? 0);
  await ann.until("it is refused", () => ann.notices.length > 0);
  await ann.until("it waits again", () => state().kind === "waiting");
  const { connections } = server;
  network.change();
  const inbox = box(ann.mail, `${ADDRESS}/INBOX`);
  await inbox.changeFlags(inbox.uids(), "add", ["\\Seen"]);
  clock.advance(PUSH_DELAY);
  clock.advance((REFUSED_DELAYS[0] ?? 0) - 2 * PUSH_DELAY);
  expect(state()).toMatchObject({ kind: "waiting", refused: true });
  expect(server.connections).toBe(connections);
  expect(ann.notices).toHaveLength(1);
  server.twist = () => false;
  ann.gateway.standings();
  await ann.gateway.test(ADDRESS).catch(() => undefined);
  await ann.upToDate();
});

test("other addresses of this machine, and a timer that comes far too late, are changes; the loss of all is none", () => {
  let addresses = "eth0 10.0.0.2/24";
  let changes = 0;
  const stop = localNetwork(clock, () => addresses).watch(() => changes++);
  clock.advance(HOUR);
  expect(changes).toBe(0);
  addresses = "";
  clock.advance(60_000);
  expect(changes).toBe(0);
  addresses = "wlan0 192.168.1.7/24";
  clock.advance(60_000);
  expect(changes).toBe(1);
  // As after a night: the clock went on, the timers did not.
  clock.time += HOUR;
  clock.advance(1);
  expect(changes).toBe(2);
  stop();
  addresses = "eth0 10.0.0.2/24";
  clock.advance(60_000);
  expect(changes).toBe(2);
});
