import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { type Clock, systemClock } from "../../foundation/clock.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { befriend, Person } from "./person.ts";

const DAY = 24 * 3_600_000;

/** A clock that is so many milliseconds ahead, and whose pauses are a hundredth of what they are. */
class LeapingClock implements Clock {
  ahead = 0;

  now(): number {
    return Date.now() + this.ahead;
  }

  after(milliseconds: number, callback: () => void): () => void {
    return systemClock.after(milliseconds / 100, callback);
  }
}

const queuesOf = (person: Person): number =>
  person.db.sqlite.prepare("SELECT count(*) FROM overlay_own_queue").pluck().get() as number;
const endingsOf = (person: Person): number =>
  person.db.sqlite.prepare("SELECT count(*) FROM overlay_queue_ending").pluck().get() as number;

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error("it did not come about");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function removedWhileTheRelayIsDown(
  story: (alice: Person, clock: LeapingClock, again: () => Promise<Relay>) => Promise<void>,
) {
  const directory = mkdtempSync(join(tmpdir(), "postern-relay-"));
  let relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
  const { port } = relay;
  const clock = new LeapingClock();
  const alice = new Person(relay.address, { clock });
  const bob = new Person(relay.address, {});
  try {
    await befriend(alice, bob);
    await Promise.all([alice.overlay.idle(), bob.overlay.idle()]);
    await relay.stop();
    await alice.overlay.removeContact(bob.label);
    await until(() => endingsOf(alice) === 1);
    expect(queuesOf(alice)).toBe(1);
    await story(alice, clock, async () => {
      relay = await startRelay({ directory, host: "127.0.0.1", port });
      return relay;
    });
  } finally {
    await Promise.all([alice.close(), bob.close()]);
    await relay.stop().catch(() => undefined);
    rmSync(directory, { recursive: true, force: true });
  }
}

test("a queue's end is told when its relay is back, weeks later", () =>
  removedWhileTheRelayIsDown(async (alice, clock, again) => {
    clock.ahead = 59 * DAY;
    const relay = await again();
    const before = relay.counts().queues;
    await until(() => queuesOf(alice) === 0);
    expect(relay.counts().queues).toBe(before - 1);
    expect(endingsOf(alice)).toBe(0);
  }));

test("a relay that could not be told for two months is not asked any more, and the queue is forgotten", () =>
  removedWhileTheRelayIsDown(async (alice, clock, again) => {
    clock.ahead = 61 * DAY;
    await until(() => queuesOf(alice) === 0);
    expect(endingsOf(alice)).toBe(0);
    const relay = await again();
    expect(relay.counts().queues).toBe(2);
  }));
