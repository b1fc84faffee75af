import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { befriend, Person, sha256 } from "../overlay-adapter/person.ts";

const SIZE = 2_000_000;
const OPTIONS = { blobs: { send: true }, receipts: { send: true, longestDelay: 0 } };

let directory: string;
let relay: Relay;
let alice: Person;
let bob: Person;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "postern-relay-"));
  relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
  bob = new Person(relay.address, OPTIONS);
  alice = new Person(relay.address, OPTIONS);
  await befriend(bob, alice);
});

afterEach(async () => {
  await Promise.all([alice.close(), bob.close()]);
  await relay.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Alice writes while Bob is away; something happens to the blob on the relay's disk, and then Bob comes back. */
async function story(damage: (blob: string) => Promise<void> | void): Promise<string> {
  await bob.overlay.close();
  bob.db.close();
  const content = randomBytes(SIZE);
  await alice.send(content, bob);
  await alice.untilEvent("relayed");
  const [name = ""] = readdirSync(join(directory, "blobs"));
  await damage(join(directory, "blobs", name));
  bob.open();
  await bob.untilLetters(1);
  return sha256(content);
}

const DAMAGES: Record<string, (blob: string) => Promise<void> | void> = {
  "has lost the end of it": (blob) => truncateSync(blob, 1_000_000),
  "has lost it": (blob) => rmSync(blob),
  "has noise in the place of it": (blob) => writeFileSync(blob, randomBytes(3_000_000)),
  async "has one octet of it wrong"(blob) {
    const file = await open(blob, "r+");
    await file.write(Buffer.of(1, 2, 3), 0, 3, 1_500_000);
    await file.close();
  },
};

for (const [what, damage] of Object.entries(DAMAGES))
  test(`a relay that ${what} delivers nothing of a large letter: both sides know, and it comes whole, once`, async () => {
    const hash = await story(damage);
    expect(bob.contents()).toEqual([hash]);
    expect(bob.count("cells-dropped")).toBeGreaterThan(0);
    // Alice's user is told of no failure, but that Bob has it.
    await alice.until(() => alice.events.some((event) => event.kind === "progress" && event.progress === "delivered"));
    expect(alice.count("failed")).toBe(0);
    expect(bob.count("gap")).toBe(0);
    await Promise.all([alice.overlay.idle(), bob.overlay.idle()]);
    expect(bob.letters()).toHaveLength(1);
    expect(relay.counts()).toMatchObject({ blobs: 0, cells: 0 });
  });
