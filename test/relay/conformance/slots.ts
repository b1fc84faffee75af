import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import type { SlotRecord } from "../../../relay/slot-store.ts";
import { cellOf } from "../fixtures.ts";
import { ROOMY, TOKEN, type WithStore } from "./engine.ts";

export function newSlot(expires = 100): SlotRecord {
  return { slotId: randomBytes(24), ownerKey: randomBytes(32), expires, cell: cellOf(7) };
}

/** The store of `withStore` knows TOKEN. */
export function describeSlots(engine: string, withStore: WithStore): void {
  const limits = { ...ROOMY, slots: 2 };

  test(`${engine}: putting a slot twice is one slot; other contents under its id are refused; and there are only so many`, () =>
    withStore(limits, async ({ store: { slots: store } }) => {
      const slot = newSlot();
      expect(await store.put(slot, TOKEN, 100)).toBe("stored");
      expect(await store.put(slot, TOKEN, 100)).toBe("stored");
      expect(await store.put({ ...slot, cell: cellOf(8) }, TOKEN, 100)).toBe("in-use");
      expect(await store.put({ ...slot, ownerKey: randomBytes(32) }, TOKEN, 100)).toBe("in-use");
      expect(await store.put({ ...slot, expires: 101 }, TOKEN, 100)).toBe("in-use");
      expect(await store.put(newSlot(), TOKEN, 100)).toBe("stored");
      expect(await store.put(newSlot(), TOKEN, 100)).toBe("full");
      expect(await store.remove(slot.slotId)).toBe(true);
      expect(await store.remove(slot.slotId)).toBe(false);
      expect(store.counts()).toEqual({ slots: 1 });
    }));

  test(`${engine}: the first claim locks a slot to its key, a second key burns it for both and erases the cell`, () =>
    withStore(limits, async ({ store: { slots: store, ...whole } }) => {
      const slot = newSlot();
      const [first, second] = [randomBytes(32), randomBytes(32)];
      await store.put(slot, TOKEN, 100);
      expect(await store.state(slot.slotId, 1)).toBe("open");
      expect(await store.claim(slot.slotId, first, 1)).toEqual({ kind: "cell", cell: slot.cell });
      expect(await store.claim(slot.slotId, first, 2)).toEqual({ kind: "cell", cell: slot.cell });
      expect(await store.state(slot.slotId, 2)).toBe("claimed");
      expect(await store.claim(slot.slotId, second, 3)).toEqual({ kind: "burned" });
      expect(await store.claim(slot.slotId, first, 4)).toEqual({ kind: "burned" });
      expect(await store.state(slot.slotId, 4)).toBe("burned");
      expect(await store.put(slot, TOKEN, 100)).toBe("stored");
      expect(whole.octets()).toBe(0);
    }));

  test(`${engine}: two keys that claim at one moment do not both get the cell`, () =>
    withStore(limits, async ({ store: { slots: store } }) => {
      const slot = newSlot();
      await store.put(slot, TOKEN, 100);
      const claims = await Promise.all([1, 2].map(() => store.claim(slot.slotId, randomBytes(32), 1)));
      expect(claims.map(({ kind }) => kind)).toEqual(["cell", "burned"]);
      expect(await store.state(slot.slotId, 1)).toBe("burned");
    }));

  test(`${engine}: a slot past its time gives its cell to nobody, says so to its owner, and is forgotten later`, () =>
    withStore(limits, async ({ store: { slots: store, ...whole } }) => {
      const slot = newSlot(100);
      const key = randomBytes(32);
      await store.put(slot, TOKEN, 100);
      expect(await store.claim(slot.slotId, key, 99)).toMatchObject({ kind: "cell" });
      expect(await store.claim(slot.slotId, key, 100)).toEqual({ kind: "expired" });
      const unclaimed = newSlot(100);
      await store.put(unclaimed, TOKEN, 100);
      expect(await store.state(unclaimed.slotId, 100)).toBe("expired");
      await store.expire(100, 50);
      expect(whole.octets()).toBe(0);
      expect(await store.state(unclaimed.slotId, 100)).toBe("expired");
      await store.expire(200, 101);
      expect(await store.state(unclaimed.slotId, 200)).toBeUndefined();
      expect(await store.claim(unclaimed.slotId, key, 200)).toEqual({ kind: "no-slot" });
      expect(store.counts()).toEqual({ slots: 0 });
    }));
}
