import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { Arrival } from "../../../relay/queue-store.ts";
import { cellOf, newQueue } from "../fixtures.ts";
import { CELL, newRecord, ROOMY, TOKEN, type WithStore } from "./engine.ts";

/** The store of `withStore` knows TOKEN. */
export function describeQueues(engine: string, withStore: WithStore): void {
  test(`${engine}: creating a queue twice is one queue; one with an id in use is refused`, () =>
    withStore(ROOMY, async ({ store: { queues: store } }) => {
      const queue = newRecord();
      const other = newRecord();
      expect(await store.create(queue, TOKEN, 1)).toBe("created");
      expect(await store.create(queue, TOKEN, 2)).toBe("created");
      expect(await store.create({ ...other, senderId: queue.senderId }, TOKEN, 3)).toBe("in-use");
      expect(await store.create({ ...other, recipientId: queue.recipientId }, TOKEN, 3)).toBe("in-use");
      expect(await store.create({ ...queue, senderKey: other.senderKey }, TOKEN, 3)).toBe("in-use");
      expect(await store.create(other, TOKEN, 3)).toBe("created");
      expect(await store.create({ ...queue, senderId: other.senderId }, TOKEN, 3)).toBe("in-use");
      expect(store.counts()).toEqual({ queues: 2, cells: 0 });
      expect(await store.recipientKey(queue.recipientId)).toEqual(queue.recipientKey);
      expect(await store.senderKey(queue.senderId)).toEqual(queue.senderKey);
      expect(await store.senderKey(queue.recipientId)).toBeUndefined();
      expect(await store.recipientKey(queue.senderId)).toBeUndefined();
    }));

  test(`${engine}: cells come back in the order in which they went in, from any place on, with seqs from 1`, () =>
    withStore(ROOMY, async ({ store: { queues: store } }) => {
      const queue = newRecord();
      const other = newRecord();
      await Promise.all([store.create(queue, TOKEN, 1), store.create(other, TOKEN, 1)]);
      const arrivals: Arrival[] = [];
      store.watch((arrival) => arrivals.push(arrival));
      const results = await Promise.all(
        [1, 2, 3, 4].flatMap((n) => [
          store.append(queue.senderId, cellOf(n), 1),
          store.append(other.senderId, cellOf(n + 100), 1),
        ]),
      );
      expect(results.map((result) => (result.kind === "stored" ? result.seq : 0))).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
      expect(arrivals.filter(({ recipientId }) => recipientId.equals(queue.recipientId)).map(({ seq }) => seq)).toEqual(
        [1, 2, 3, 4],
      );
      expect(await store.read(queue.recipientId, 0, 2)).toEqual([
        { seq: 1, cell: cellOf(1) },
        { seq: 2, cell: cellOf(2) },
      ]);
      expect((await store.read(queue.recipientId, 2, 100)).map(({ seq }) => seq)).toEqual([3, 4]);
      expect(await store.read(queue.recipientId, 4, 100)).toEqual([]);
      expect(await store.subscribed(queue.recipientId, 1)).toBe(5);
    }));

  test(`${engine}: nobody's queue takes no cell, has none, and is not subscribed to`, () =>
    withStore(ROOMY, async ({ store: { queues: store } }) => {
      const stranger = newQueue();
      expect(await store.append(stranger.senderId, cellOf(1), 1)).toEqual({ kind: "no-queue" });
      expect(await store.read(stranger.recipientId, 0, 10)).toEqual([]);
      expect(await store.subscribed(stranger.recipientId, 1)).toBeUndefined();
      expect(await store.remove(stranger.recipientId)).toBe(false);
      expect(await store.acknowledge(stranger.recipientId, [{ first: 1, last: 9 }])).toBe(0);
      expect(store.counts()).toEqual({ queues: 0, cells: 0 });
    }));

  test(`${engine}: a full queue takes no more until some of it is acknowledged`, () =>
    withStore({ ...ROOMY, queueOctets: 2 * CELL }, async ({ store: { queues: store } }) => {
      const queue = newRecord();
      await store.create(queue, TOKEN, 1);
      const three = await Promise.all([1, 2, 3].map((n) => store.append(queue.senderId, cellOf(n), 1)));
      expect(three.map(({ kind }) => kind)).toEqual(["stored", "stored", "full"]);
      await store.acknowledge(queue.recipientId, [{ first: 1, last: 1 }]);
      expect(await store.append(queue.senderId, cellOf(4), 1)).toMatchObject({ kind: "stored", seq: 3 });
    }));

  test(`${engine}: the relay as a whole takes no more cells and queues than it may`, () =>
    withStore({ ...ROOMY, octets: 2 * CELL, queues: 2 }, async ({ store: { queues: store } }) => {
      const [a, b, c] = [newRecord(), newRecord(), newRecord()];
      expect(await store.create(a, TOKEN, 1)).toBe("created");
      expect(await store.create(b, TOKEN, 1)).toBe("created");
      expect(await store.create(c, TOKEN, 1)).toBe("full");
      expect(await store.create(a, TOKEN, 1)).toBe("created");
      await store.append(a.senderId, cellOf(1), 1);
      await store.append(b.senderId, cellOf(2), 1);
      expect(await store.append(b.senderId, cellOf(3), 1)).toEqual({ kind: "full" });
      expect(await store.remove(a.recipientId)).toBe(true);
      expect(await store.append(b.senderId, cellOf(3), 1)).toMatchObject({ kind: "stored", seq: 2 });
      expect(await store.create(c, TOKEN, 1)).toBe("created");
    }));

  test(`${engine}: acknowledged cells are gone whatever ranges name them, and their seqs never come again`, () =>
    withStore(ROOMY, async ({ store: { queues: store } }) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.tuple(fc.nat(30), fc.nat(30)).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
            { minLength: 1, maxLength: 5 },
          ),
          async (ranges) => {
            const queue = newRecord();
            await store.create(queue, TOKEN, 1);
            await Promise.all(Array.from({ length: 12 }, (_, n) => store.append(queue.senderId, cellOf(n), 1)));
            const acknowledged = await store.acknowledge(queue.recipientId, ranges);
            const left = (await store.read(queue.recipientId, 0, 100)).map(({ seq }) => seq);
            const expected = Array.from({ length: 12 }, (_, n) => n + 1).filter(
              (seq) => !ranges.some(({ first, last }) => first <= seq && seq <= last),
            );
            expect(left).toEqual(expected);
            expect(acknowledged).toBe(12 - expected.length);
            expect(store.counts().cells).toBe(expected.length);
            expect(await store.append(queue.senderId, cellOf(0), 1)).toMatchObject({ seq: 13 });
            expect(await store.remove(queue.recipientId)).toBe(true);
          },
        ),
        { numRuns: 20 },
      );
      expect(store.counts()).toEqual({ queues: 0, cells: 0 });
    }));

  test(`${engine}: after a crash all that was promised is there, and what was acknowledged stays away`, () =>
    withStore(ROOMY, async ({ store: { queues: store }, reopen }) => {
      const queue = newRecord();
      await store.create(queue, TOKEN, 1);
      await Promise.all([1, 2, 3].map((n) => store.append(queue.senderId, cellOf(n), 1)));
      await store.acknowledge(queue.recipientId, [
        { first: 1, last: 1 },
        { first: 3, last: 3 },
      ]);
      const { queues: again } = await reopen();
      expect(await again.read(queue.recipientId, 0, 10)).toEqual([{ seq: 2, cell: cellOf(2) }]);
      expect(again.counts()).toEqual({ queues: 1, cells: 1 });
      expect(await again.append(queue.senderId, cellOf(4), 1)).toMatchObject({ kind: "stored", seq: 4 });
      expect(await again.create(queue, TOKEN, 1)).toBe("created");
    }));

  test(`${engine}: cells expire by their age, queues by the time since their last subscription`, () =>
    withStore(ROOMY, async ({ store: { queues: store } }) => {
      const day = 24 * 60 * 60_000;
      const [read, unread] = [newRecord(), newRecord()];
      await store.create(read, TOKEN, 0);
      await store.create(unread, TOKEN, 0);
      for (let n = 0; n < 10; n++) await store.append(n % 2 === 0 ? read.senderId : unread.senderId, cellOf(n), n);
      expect(await store.expire(7, 0)).toEqual({ cells: 7, queues: 0 });
      expect((await store.read(read.recipientId, 0, 10)).map(({ cell }) => cell[0])).toEqual([8]);
      expect((await store.read(unread.recipientId, 0, 10)).map(({ cell }) => cell[0])).toEqual([7, 9]);
      expect(store.counts()).toEqual({ queues: 2, cells: 3 });
      expect(await store.subscribed(read.recipientId, 5 * day)).toBe(6);
      expect(await store.expire(7, 2 * day)).toMatchObject({ queues: 1 });
      expect(store.counts()).toEqual({ queues: 1, cells: 1 });
      expect(await store.senderKey(unread.senderId)).toBeUndefined();
    }));
}
