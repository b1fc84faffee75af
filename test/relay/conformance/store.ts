import { expect, test } from "@jest/globals";
import { cellOf } from "../fixtures.ts";
import { describeBlobs } from "./blobs.ts";
import { CELL, newRecord, ROOMY, TOKEN, type WithStore, withToken } from "./engine.ts";
import { describeQueues } from "./queues.ts";
import { describeSlots, newSlot } from "./slots.ts";
import { describeTokens } from "./tokens.ts";

/** What every engine must do to be a relay's store. */
export function describeStore(engine: string, withStore: WithStore): void {
  describeTokens(engine, withStore);
  describeQueues(engine, withToken(withStore));
  describeSlots(engine, withToken(withStore));
  describeBlobs(engine, withToken(withStore));

  test(`${engine}: the quota of the whole relay counts the cells of queues and slots together, exactly, however many come at once`, () =>
    withToken(withStore)({ ...ROOMY, octets: 5 * CELL }, async ({ store, reopen }) => {
      const queue = newRecord();
      const slot = newSlot();
      await store.queues.create(queue, TOKEN, 1);
      expect(await store.slots.put(slot, TOKEN, 100)).toBe("stored");
      const sent = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => store.queues.append(queue.senderId, cellOf(n), 1)));
      expect(sent.map(({ kind }) => kind)).toEqual(["stored", "stored", "stored", "stored", "full", "full"]);
      expect(store.octets()).toBe(5 * CELL);
      expect(await store.slots.put(newSlot(), TOKEN, 100)).toBe("full");
      await store.queues.acknowledge(queue.recipientId, [{ first: 1, last: 2 }]);
      expect(store.octets()).toBe(3 * CELL);
      const again = await reopen();
      expect(again.octets()).toBe(3 * CELL);
      await again.slots.remove(slot.slotId);
      await again.queues.remove(queue.recipientId);
      expect(again.octets()).toBe(0);
    }));

  test(`${engine}: the relay's own time is there again after a crash`, () =>
    withStore(ROOMY, async ({ store, reopen }) => {
      expect(await store.livedTime()).toBeUndefined();
      await store.saveLivedTime(1_000);
      await store.saveLivedTime(2_000);
      expect(await (await reopen()).livedTime()).toBe(2_000);
    }));
}
