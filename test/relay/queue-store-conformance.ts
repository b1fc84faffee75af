import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { QueueStore } from "../../relay/queue-store.ts";
import { publicKeyOf, signingKey } from "../../relay/wire/proof.ts";
import { cellOf, newQueue } from "./fixtures.ts";

export interface StoreUnderTest {
  readonly store: QueueStore;
  /** As after a crash: whatever was not durable is gone. */
  readonly reopen: () => Promise<QueueStore>;
}

export interface SmallLimits {
  readonly cellsPerQueue: number;
  readonly cells: number;
  readonly queues: number;
}

/** What every engine must do. `withStore` opens a fresh store with these limits, and removes it after the work. */
export function describeQueueStore(
  engine: string,
  withStore: (limits: SmallLimits, work: (under: StoreUnderTest) => Promise<void>) => Promise<void>,
): void {
  const roomy = { cellsPerQueue: 1_000, cells: 10_000, queues: 100 };
  const recordOf = (queue: ReturnType<typeof newQueue>) => ({
    ...queue,
    recipientKey: publicKeyOf(signingKey(queue.recipientSeed)),
  });

  test(`${engine}: creating a queue twice is one queue; one with an id in use is refused`, () =>
    withStore(roomy, async ({ store }) => {
      const queue = recordOf(newQueue());
      const other = recordOf(newQueue());
      expect(await store.create(queue, 1)).toBe("created");
      expect(await store.create(queue, 2)).toBe("created");
      expect(await store.create({ ...other, senderId: queue.senderId }, 3)).toBe("in-use");
      expect(await store.create({ ...other, recipientId: queue.recipientId }, 3)).toBe("in-use");
      expect(await store.create({ ...queue, senderKey: other.senderKey }, 3)).toBe("in-use");
      expect(await store.create(other, 3)).toBe("created");
      expect(await store.create({ ...queue, senderId: other.senderId }, 3)).toBe("in-use");
      expect(store.counts()).toEqual({ queues: 2, cells: 0 });
      expect(await store.recipientKey(queue.recipientId)).toEqual(queue.recipientKey);
      expect(await store.senderKey(queue.senderId)).toEqual(queue.senderKey);
      expect(await store.senderKey(queue.recipientId)).toBeUndefined();
      expect(await store.recipientKey(queue.senderId)).toBeUndefined();
    }));

  test(`${engine}: cells come back in the order in which they went in, from any place on, with seqs from 1`, () =>
    withStore(roomy, async ({ store }) => {
      const queue = recordOf(newQueue());
      const other = recordOf(newQueue());
      await Promise.all([store.create(queue, 1), store.create(other, 1)]);
      const results = await Promise.all(
        [1, 2, 3, 4].flatMap((n) => [
          store.append(queue.senderId, cellOf(n), 1),
          store.append(other.senderId, cellOf(n + 100), 1),
        ]),
      );
      expect(results.map((result) => (result.kind === "stored" ? result.seq : 0))).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
      expect(results[2]).toEqual({ kind: "stored", recipientId: queue.recipientId, seq: 2 });
      expect(await store.read(queue.recipientId, 0, 2)).toEqual([
        { seq: 1, cell: cellOf(1) },
        { seq: 2, cell: cellOf(2) },
      ]);
      expect((await store.read(queue.recipientId, 2, 100)).map(({ seq }) => seq)).toEqual([3, 4]);
      expect(await store.read(queue.recipientId, 4, 100)).toEqual([]);
      expect(await store.subscribed(queue.recipientId, 1)).toBe(5);
    }));

  test(`${engine}: nobody's queue takes no cell, has none, and is not subscribed to`, () =>
    withStore(roomy, async ({ store }) => {
      const stranger = newQueue();
      expect(await store.append(stranger.senderId, cellOf(1), 1)).toEqual({ kind: "no-queue" });
      expect(await store.read(stranger.recipientId, 0, 10)).toEqual([]);
      expect(await store.subscribed(stranger.recipientId, 1)).toBeUndefined();
      expect(await store.remove(stranger.recipientId)).toBe(false);
      await store.acknowledge(stranger.recipientId, [{ first: 1, last: 9 }]);
      expect(store.counts()).toEqual({ queues: 0, cells: 0 });
    }));

  test(`${engine}: a full queue takes no more until some of it is acknowledged`, () =>
    withStore({ ...roomy, cellsPerQueue: 2 }, async ({ store }) => {
      const queue = recordOf(newQueue());
      await store.create(queue, 1);
      const three = await Promise.all([1, 2, 3].map((n) => store.append(queue.senderId, cellOf(n), 1)));
      expect(three.map(({ kind }) => kind)).toEqual(["stored", "stored", "full"]);
      await store.acknowledge(queue.recipientId, [{ first: 1, last: 1 }]);
      expect(await store.append(queue.senderId, cellOf(4), 1)).toMatchObject({ kind: "stored", seq: 3 });
    }));

  test(`${engine}: the relay as a whole takes no more cells and queues than it may`, () =>
    withStore({ cellsPerQueue: 10, cells: 2, queues: 2 }, async ({ store }) => {
      const [a, b, c] = [recordOf(newQueue()), recordOf(newQueue()), recordOf(newQueue())];
      expect(await store.create(a, 1)).toBe("created");
      expect(await store.create(b, 1)).toBe("created");
      expect(await store.create(c, 1)).toBe("full");
      expect(await store.create(a, 1)).toBe("created");
      await store.append(a.senderId, cellOf(1), 1);
      await store.append(b.senderId, cellOf(2), 1);
      expect(await store.append(b.senderId, cellOf(3), 1)).toEqual({ kind: "full" });
      expect(await store.remove(a.recipientId)).toBe(true);
      expect(await store.append(b.senderId, cellOf(3), 1)).toMatchObject({ kind: "stored", seq: 2 });
      expect(await store.create(c, 1)).toBe("created");
    }));

  test(`${engine}: acknowledged cells are gone whatever ranges name them, and their seqs never come again`, () =>
    withStore(roomy, async ({ store }) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.tuple(fc.nat(30), fc.nat(30)).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
            { minLength: 1, maxLength: 5 },
          ),
          async (ranges) => {
            const queue = recordOf(newQueue());
            await store.create(queue, 1);
            await Promise.all(Array.from({ length: 12 }, (_, n) => store.append(queue.senderId, cellOf(n), 1)));
            await store.acknowledge(queue.recipientId, ranges);
            const left = (await store.read(queue.recipientId, 0, 100)).map(({ seq }) => seq);
            const expected = Array.from({ length: 12 }, (_, n) => n + 1).filter(
              (seq) => !ranges.some(({ first, last }) => first <= seq && seq <= last),
            );
            expect(left).toEqual(expected);
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
    withStore(roomy, async ({ store, reopen }) => {
      const queue = recordOf(newQueue());
      await store.create(queue, 1);
      await Promise.all([1, 2, 3].map((n) => store.append(queue.senderId, cellOf(n), 1)));
      await store.acknowledge(queue.recipientId, [
        { first: 1, last: 1 },
        { first: 3, last: 3 },
      ]);
      const again = await reopen();
      expect(await again.read(queue.recipientId, 0, 10)).toEqual([{ seq: 2, cell: cellOf(2) }]);
      expect(again.counts()).toEqual({ queues: 1, cells: 1 });
      expect(await again.append(queue.senderId, cellOf(4), 1)).toMatchObject({ kind: "stored", seq: 4 });
      expect(await again.create(queue, 1)).toBe("created");
    }));

  test(`${engine}: cells expire by their age, queues by the time since their last subscription`, () =>
    withStore(roomy, async ({ store }) => {
      const day = 24 * 60 * 60_000;
      const [read, unread] = [recordOf(newQueue()), recordOf(newQueue())];
      await store.create(read, 0);
      await store.create(unread, 0);
      for (let n = 0; n < 10; n++) await store.append(n % 2 === 0 ? read.senderId : unread.senderId, cellOf(n), n);
      await store.expire(7, 0);
      expect((await store.read(read.recipientId, 0, 10)).map(({ cell }) => cell[0])).toEqual([8]);
      expect((await store.read(unread.recipientId, 0, 10)).map(({ cell }) => cell[0])).toEqual([7, 9]);
      expect(store.counts()).toEqual({ queues: 2, cells: 3 });
      expect(await store.subscribed(read.recipientId, 5 * day)).toBe(6);
      await store.expire(7, 2 * day);
      expect(store.counts()).toEqual({ queues: 1, cells: 1 });
      expect(await store.senderKey(unread.senderId)).toBeUndefined();
    }));
}
