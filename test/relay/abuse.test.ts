import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { DEFAULT_LIMITS } from "../../relay/limits.ts";
import type { Answer, Command } from "../../relay/wire/frame.ts";
import { macOfSend, publicKeyOf, signingKey } from "../../relay/wire/proof.ts";
import { databaseDump } from "./database-dump.ts";
import { cellOf, newQueue, type TestQueue } from "./fixtures.ts";
import type { RawClient } from "./raw-client.ts";
import { withRelay } from "./scene.ts";

const OK = { kind: "ok" };

/** Everything that can be asked for with ids alone, or with keys made up. */
function attempts(queue: TestQueue, slotId: Buffer, expires: number): Command[] {
  const { recipientId, senderId } = queue;
  const signature = randomBytes(64);
  const ranges = [{ first: 1, last: 9 }];
  const keys = { recipientKey: randomBytes(32), senderKey: randomBytes(32) };
  const commands: Command[] = [];
  for (const id of [recipientId, senderId, slotId, randomBytes(24)])
    commands.push(
      { kind: "create", token: randomBytes(32), recipientId: id, senderId: randomBytes(24), ...keys },
      { kind: "create", token: Buffer.alloc(32), recipientId, senderId, ...keys },
      { kind: "send", senderId: id, mac: randomBytes(32), cell: cellOf(1) },
      { kind: "subscribe", recipientId: id, after: 0, credit: 10, signature },
      { kind: "acknowledge", recipientId: id, ranges },
      { kind: "delete", recipientId: id, signature },
      { kind: "slot-put", token: randomBytes(32), slotId: id, ownerKey: randomBytes(32), expires, cell: cellOf(1) },
      { kind: "slot-claim", slotId: id, claimKey: randomBytes(32), signature },
      { kind: "slot-status", slotId: id, signature },
      { kind: "slot-delete", slotId: id, signature },
    );
  return commands;
}

test("a stranger who knows the relay and every id on it, but no key and no token, stores not one byte", () =>
  withRelay(
    async ({ directory, relay, token, clock, connect }) => {
      const [bob, stranger] = [await connect(), await connect()];
      const queue = newQueue();
      const slotId = randomBytes(24);
      const ownerKey = publicKeyOf(signingKey(randomBytes(32)));
      const expires = clock.now() + 1_000_000;
      await bob.create(queue, token);
      await bob.send(queue, cellOf(7));
      await bob.call({ kind: "slot-put", token, slotId, ownerKey, expires, cell: cellOf(2) });
      const [before, counts] = [databaseDump(join(directory, "relay.db")), relay.counts()];

      for (const command of attempts(queue, slotId, expires)) {
        const answer = await stranger.call(command);
        expect({ command: command.kind, answer: answer.kind }).toEqual({ command: command.kind, answer: "refused" });
      }
      // A cell that was right on another connection is worth nothing on this one.
      const mac = macOfSend(queue.senderKey, bob.exporter, queue.senderId, cellOf(7));
      const replayed = await stranger.call({ kind: "send", senderId: queue.senderId, mac, cell: cellOf(7) });
      expect(replayed).toEqual({ kind: "refused", reason: "no-queue" });
      stranger.tell({ kind: "credit", recipientId: queue.recipientId, count: 100 });
      expect(await stranger.pushedSoFar()).toEqual([]);

      expect(databaseDump(join(directory, "relay.db"))).toEqual(before);
      expect(relay.counts()).toEqual(counts);
    },
    { refusalRate: { perSecond: 1_000, burst: 1_000 } },
  ));

/** Sends as fast as the relay takes it, and does not wait for answers. */
function flood(client: RawClient, count: number, one: () => Promise<Answer>): { readonly answers: Answer[] } {
  const answers: Answer[] = [];
  for (let n = 0; n < count; n++)
    one().then(
      (answer) => answers.push(answer),
      () => undefined,
    );
  return { answers };
}

test("a contact that was removed floods: it is answered slower and slower, stores nothing, and others notice nothing", () =>
  withRelay(async ({ relay, token, clock, connect }) => {
    const [bob, mallory, alice] = [await connect(), await connect(), await connect()];
    const [revoked, queue] = [newQueue(), newQueue()];
    await bob.create(revoked, token);
    await bob.create(queue, token);
    await bob.subscribe(queue, 1_000);
    expect(await mallory.send(revoked, cellOf(1))).toEqual(OK);
    await bob.delete(revoked);

    const { answers } = flood(mallory, 3_000, () => mallory.send(revoked, cellOf(2)));
    for (let n = 0; n < 200; n++) {
      expect(await alice.send(queue, cellOf(n))).toEqual(OK);
      expect(await bob.push()).toMatchObject({ seq: n + 1, cell: cellOf(n) });
    }
    expect(new Set(answers.map((answer) => (answer.kind === "refused" ? answer.reason : answer.kind)))).toEqual(
      new Set(["no-queue"]),
    );
    // The clock stands still: no more came through than the burst, and what was under way when it was spent.
    expect(relay.counters.get("refusals")).toBeLessThan(DEFAULT_LIMITS.refusalRate.burst + DEFAULT_LIMITS.unanswered);
    const spent = relay.counters.get("refusals");
    clock.advance(600_000 / 10);
    await alice.call({ kind: "ping" });
    for (let n = 0; n < 20; n++) await alice.call({ kind: "ping" });
    expect(relay.counters.get("refusals")).toBeGreaterThan(spent);
    expect(relay.counts()).toMatchObject({ queues: 1, cells: 200 });
    expect(mallory.socket.writableLength).toBeGreaterThan(0);
  }));

test("a flood of queues stays within the token's bounds and rate, and the relay's; others make theirs", () =>
  withRelay(
    async ({ relay, token, clock, connect }) => {
      const [wild, bob] = [await connect(), await connect()];
      const made = newQueue();
      expect(await wild.create(made, token)).toEqual(OK);
      const answers = await Promise.all(Array.from({ length: 500 }, () => wild.create(newQueue(), token)));
      const count = (kind: string): number =>
        answers.filter((answer) => (answer.kind === "refused" ? answer.reason : answer.kind) === kind).length;
      expect([count("ok"), count("retry"), count("full")]).toEqual([39, 461, 0]);
      expect(relay.counts().queues).toBe(40);

      clock.advance(3_600_000);
      const [again, other] = [await connect(), await connect()];
      const more = await Promise.all(Array.from({ length: 500 }, () => again.create(newQueue(), token)));
      expect(more.filter(({ kind }) => kind === "ok")).toHaveLength(10);
      expect(relay.counts()).toMatchObject({ queues: 50, octets: 0 });
      // What is there goes on.
      expect(await other.send(made, cellOf(1))).toEqual(OK);
      expect(await other.subscribe(made, 1)).toEqual({ kind: "subscribed", nextSeq: 2 });
      await bob.closed;
    },
    { queues: 50, creationsPerHour: 40 },
  ));
