import { expect, test } from "@jest/globals";
import { cellOf } from "../fixtures.ts";
import { CELL, newRecord, OTHER_TOKEN, ROOMY, TOKEN, UNBOUNDED, type WithStore } from "./engine.ts";
import { newSlot } from "./slots.ts";

export function describeTokens(engine: string, withStore: WithStore): void {
  test(`${engine}: nobody makes a queue or a slot without a token, or with one that was revoked`, () =>
    withStore(ROOMY, async ({ store, reopen }) => {
      const { queues, slots, tokens } = store;
      expect(await queues.create(newRecord(), TOKEN, 1)).toBe("forbidden");
      expect(await slots.put(newSlot(), TOKEN, 100)).toBe("forbidden");
      expect(await tokens.find(TOKEN)).toBeUndefined();
      expect(await tokens.add(TOKEN, { name: "ann", madeAt: 5, ...UNBOUNDED })).toBe(true);
      const [queue, slot] = [newRecord(), newSlot()];
      expect(await queues.create(queue, TOKEN, 1)).toBe("created");
      expect(await slots.put(slot, TOKEN, 100)).toBe("stored");

      expect(await tokens.revoke("nobody", 9, "stays")).toBe(false);
      expect(await tokens.revoke("ann", 9, "stays")).toBe(true);
      expect(await tokens.revoke("ann", 9, "stays")).toBe(false);
      const again = await reopen();
      expect(await again.tokens.find(TOKEN)).toBeUndefined();
      expect(await again.queues.create(newRecord(), TOKEN, 1)).toBe("forbidden");
      expect(await again.slots.put(newSlot(), TOKEN, 100)).toBe("forbidden");
      // What was made goes on.
      await again.queues.expire(0, 0);
      expect(await again.queues.append(queue.senderId, cellOf(1), 1)).toEqual({ kind: "stored", seq: 1 });
      expect(await again.slots.ownerKey(slot.slotId)).toEqual(slot.ownerKey);
    }));

  test(`${engine}: neither a token nor a name is given twice, even after it was revoked`, () =>
    withStore(ROOMY, async ({ store: { tokens } }) => {
      expect(await tokens.add(TOKEN, { name: "ann", madeAt: 5, ...UNBOUNDED })).toBe(true);
      expect(await tokens.add(OTHER_TOKEN, { name: "ann", madeAt: 5, ...UNBOUNDED })).toBe(false);
      expect(await tokens.add(TOKEN, { name: "bob", madeAt: 5, ...UNBOUNDED })).toBe(false);
      await tokens.revoke("ann", 9, "stays");
      expect(await tokens.add(OTHER_TOKEN, { name: "ann", madeAt: 5, ...UNBOUNDED })).toBe(false);
      expect(await tokens.add(OTHER_TOKEN, { name: "bob", madeAt: 6, ...UNBOUNDED })).toBe(true);
      expect((await tokens.list()).map(({ name, madeAt, revokedAt }) => [name, madeAt, revokedAt])).toEqual([
        ["ann", 5, 9],
        ["bob", 6, undefined],
      ]);
    }));

  test(`${engine}: a token's holder has as many queues and slots as it allows, and gets them back by deleting`, () =>
    withStore(ROOMY, async ({ store: { queues, slots, tokens } }) => {
      await tokens.add(TOKEN, { name: "ann", madeAt: 5, ...UNBOUNDED, queues: 3 });
      await tokens.add(OTHER_TOKEN, { name: "bob", madeAt: 5, ...UNBOUNDED });
      const made = [newRecord(), newRecord(), newRecord(), newRecord()];
      const slot = newSlot();
      expect(await slots.put(slot, TOKEN, 100)).toBe("stored");
      const outcomes = await Promise.all(made.map((queue) => queues.create(queue, TOKEN, 1)));
      expect(outcomes).toEqual(["created", "created", "full", "full"]);
      expect(await slots.put(newSlot(), TOKEN, 100)).toBe("full");
      expect(await queues.create(newRecord(), OTHER_TOKEN, 1)).toBe("created");
      expect(await tokens.list()).toMatchObject([
        { name: "ann", queues: 3, usedQueues: 3, usedOctets: CELL },
        { name: "bob", queues: undefined, usedQueues: 1, usedOctets: 0 },
      ]);
      await slots.remove(slot.slotId);
      expect(await queues.create(made[2] ?? newRecord(), TOKEN, 1)).toBe("created");
      await queues.remove((made[0] ?? newRecord()).recipientId);
      expect(await queues.create(made[3] ?? newRecord(), TOKEN, 1)).toBe("created");
    }));

  test(`${engine}: the queues of one token hold as many octets as it allows, all together, and others are not concerned`, () =>
    withStore(ROOMY, async ({ store: { queues, slots, tokens } }) => {
      await tokens.add(TOKEN, { name: "ann", madeAt: 5, ...UNBOUNDED, octets: 2 * CELL });
      await tokens.add(OTHER_TOKEN, { name: "bob", madeAt: 5, ...UNBOUNDED });
      const [one, two, other] = [newRecord(), newRecord(), newRecord()];
      await queues.create(one, TOKEN, 1);
      await queues.create(two, TOKEN, 1);
      await queues.create(other, OTHER_TOKEN, 1);
      expect(await queues.append(one.senderId, cellOf(1), 1)).toMatchObject({ kind: "stored" });
      expect(await queues.append(two.senderId, cellOf(1), 1)).toMatchObject({ kind: "stored" });
      expect(await queues.append(two.senderId, cellOf(2), 1)).toEqual({ kind: "full" });
      expect(await slots.put(newSlot(), TOKEN, 100)).toBe("full");
      expect(await queues.append(other.senderId, cellOf(1), 1)).toMatchObject({ kind: "stored" });
      await queues.acknowledge(one.recipientId, [{ first: 1, last: 1 }]);
      expect(await queues.append(two.senderId, cellOf(2), 1)).toMatchObject({ kind: "stored", seq: 2 });
    }));

  test(`${engine}: a token that is revoked with its queues takes them away at the next sweep, and no others`, () =>
    withStore(ROOMY, async ({ store: { queues, tokens } }) => {
      await tokens.add(TOKEN, { name: "ann", madeAt: 5, ...UNBOUNDED });
      await tokens.add(OTHER_TOKEN, { name: "bob", madeAt: 5, ...UNBOUNDED });
      const [one, two, other] = [newRecord(), newRecord(), newRecord()];
      await queues.create(one, TOKEN, 1);
      await queues.create(two, TOKEN, 1);
      await queues.create(other, OTHER_TOKEN, 1);
      await queues.append(one.senderId, cellOf(1), 1);
      await tokens.revoke("ann", 9, "goes");
      expect(await queues.expire(0, 0)).toEqual({ cells: 0, queues: 2 });
      expect(queues.counts()).toEqual({ queues: 1, cells: 0 });
      expect(await queues.senderKey(one.senderId)).toBeUndefined();
      expect(await queues.senderKey(other.senderId)).toEqual(other.senderKey);
    }));
}
