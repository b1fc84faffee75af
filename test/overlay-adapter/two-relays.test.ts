import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  createRelayClient,
  type RelayClient,
  type RelayClientOptions,
} from "../../overlay-adapter/relay-client/relay-client.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { databaseDump } from "../relay/database-dump.ts";
import { befriend, Person } from "./person.ts";

const directories: string[] = [];
const relays: Relay[] = [];
const people: Person[] = [];

beforeAll(async () => {
  for (let n = 0; n < 2; n++) {
    const directory = await mkdtemp(join(tmpdir(), "postern-relay-"));
    directories.push(directory);
    relays.push(await startRelay({ directory, host: "127.0.0.1", port: 0 }));
  }
});

afterAll(async () => {
  await Promise.all(people.map((person) => person.close()));
  await Promise.all(relays.map((relay) => relay.stop()));
  for (const directory of directories) await rm(directory, { recursive: true });
});

/** Nothing that it reads is ever deleted: all that passes through a relay is there at the end. */
function connect(options: RelayClientOptions): RelayClient {
  const client = createRelayClient(options);
  return {
    ...client,
    subscribe: (...args) => {
      const subscription = client.subscribe(...args);
      return {
        credit: (count) => subscription.credit(count),
        acknowledge: () => Promise.resolve(),
        close: () => subscription.close(),
      };
    },
  };
}

function person(at: number): Person {
  const made = new Person((relays[at] as Relay).address, { connect });
  people.push(made);
  return made;
}

/** All that the relay of this number has on its disk: rows as they can be read, and every file's bytes. */
async function dumpOf(at: number): Promise<{ bytes: Buffer[]; files: Buffer }> {
  const directory = directories[at] as string;
  const texts = JSON.stringify(databaseDump(join(directory, "relay.db"))).match(/[0-9a-f]{32,}/g) ?? [];
  const names = await readdir(directory);
  const files = await Promise.all(names.map((name) => readFile(join(directory, name))));
  return { bytes: texts.map((text) => Buffer.from(text, "hex")), files: Buffer.concat(files) };
}

const RUN = 8;

/** Whether two sets of byte strings have any run of 15 bytes in common. */
function haveCommonRun(one: readonly Buffer[], two: readonly Buffer[]): boolean {
  const known = new Set<bigint>();
  for (const bytes of one) for (let at = 0; at + RUN <= bytes.length; at += RUN) known.add(bytes.readBigUInt64BE(at));
  return two.some((bytes) => {
    for (let at = 0; at + RUN <= bytes.length; at++) if (known.has(bytes.readBigUInt64BE(at))) return true;
    return false;
  });
}

test("the search for common runs finds one, wherever it stands", () => {
  const [one, two] = [randomBytes(1_000), randomBytes(1_000)];
  expect(haveCommonRun([one], [two])).toBe(false);
  one.copy(two, 501, 333, 348);
  expect(haveCommonRun([one], [two])).toBe(true);
});

test("the full dumps of two relays have no id, key or ciphertext in common that would tie a sender to a recipient", async () => {
  const [alice, bob, carol] = [person(0), person(1), person(1)];
  await befriend(alice, bob);
  await befriend(alice, carol);
  await befriend(bob, carol);
  const content = "the same words for everybody";
  for (const large of [content, randomBytes(60_000)]) {
    await alice.send(large, bob, carol);
    await bob.send(large, alice);
    await carol.send(large, alice);
  }
  await alice.untilLetters(4);
  await Promise.all([bob.untilLetters(2), carol.untilLetters(2)]);
  await Promise.all(people.map(({ overlay }) => overlay.idle()));
  expect(relays.map((relay) => relay.counts().cells > 10)).toEqual([true, true]);

  const [first, second] = [await dumpOf(0), await dumpOf(1)];
  expect([first, second].map(({ bytes }) => bytes.some(({ length }) => length > 16_000))).toEqual([true, true]);
  expect(haveCommonRun(first.bytes, second.bytes)).toBe(false);

  for (const { files } of [first, second]) {
    expect(files.includes(content)).toBe(false);
    for (const one of people) expect(files.includes(one.label)).toBe(false);
  }
}, 60_000);
