import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { type Clock, systemClock } from "../../foundation/clock.ts";
import { Failure } from "../../foundation/failure.ts";
import {
  createRelayClient,
  type RelayClient,
  type RelayClientOptions,
} from "../../overlay-adapter/relay-client/relay-client.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { befriend, Person } from "./person.ts";

const SIX_DAYS = 6 * 24 * 3_600_000;

/** Six days from now, and pauses between tries are a tenth. */
const LATER: Clock = {
  now: () => Date.now() + SIX_DAYS,
  after: (delay, callback) => systemClock.after(delay <= 5000 ? delay / 10 : delay, callback),
};

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

/** Two contacts; the first one's letters do not get out while `line.down`. One of them waits. */
async function oneWaits(): Promise<{ a: Person; b: Person; line: { down: boolean } }> {
  const line = { down: false };
  const connect = (options: RelayClientOptions): RelayClient => {
    const client = createRelayClient(options);
    const send: RelayClient["send"] = (...cell) =>
      line.down ? Promise.reject(new Failure("unavailable", "no network")) : client.send(...cell);
    return { ...client, send };
  };
  const [a, b] = [new Person(relay.address, { connect }), new Person(relay.address)];
  people.push(a, b);
  await befriend(a, b);
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  line.down = true;
  await a.send("patience", b);
  a.crash();
  return { a, b, line };
}

test("a letter that waited for days in a machine that was off is still sent", async () => {
  const { a, b, line } = await oneWaits();
  line.down = false;
  a.open(relay.address, { clock: LATER });
  await b.untilLetters(1);
  expect(b.contents()).toEqual(["patience"]);
  expect(a.events.filter(({ kind }) => kind === "failed")).toEqual([]);
});

test("a letter that has waited for days, and still does not get out, comes back", async () => {
  const { a, b } = await oneWaits();
  a.open(relay.address, { clock: LATER });
  await a.untilEvent("failed");
  expect(a.events).toContainEqual(expect.objectContaining({ kind: "failed", to: b.label, reason: "expired" }));
});
