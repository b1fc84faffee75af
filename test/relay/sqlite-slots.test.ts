import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { Database } from "../../foundation/database.ts";
import type { SlotRecord } from "../../relay/slot-store.ts";
import { PAGE_SIZE, RELAY_SCHEMA } from "../../relay/sqlite/schema.ts";
import { SqliteSlotStore } from "../../relay/sqlite/slots.ts";
import { cellOf, inTemporaryDirectory } from "./fixtures.ts";

function newSlot(expires = 100): SlotRecord {
  return { slotId: randomBytes(24), ownerKey: randomBytes(32), expires, cell: cellOf(7) };
}

function withStore(work: (store: SqliteSlotStore, db: Database) => Promise<void>): Promise<void> {
  return inTemporaryDirectory(async (directory) => {
    const db = new Database(join(directory, "relay.db"), undefined, { pageSize: PAGE_SIZE, syncAtCommit: true });
    db.migrate(RELAY_SCHEMA);
    await work(new SqliteSlotStore(db, { slots: 2 }), db);
    db.close();
  });
}

test("putting a slot twice is one slot; other contents under its id are refused; and there are only so many", () =>
  withStore(async (store) => {
    const slot = newSlot();
    expect(await store.put(slot)).toBe("stored");
    expect(await store.put(slot)).toBe("stored");
    expect(await store.put({ ...slot, cell: cellOf(8) })).toBe("in-use");
    expect(await store.put({ ...slot, ownerKey: randomBytes(32) })).toBe("in-use");
    expect(await store.put({ ...slot, expires: 101 })).toBe("in-use");
    expect(await store.put(newSlot())).toBe("stored");
    expect(await store.put(newSlot())).toBe("full");
    expect(await store.remove(slot.slotId)).toBe(true);
    expect(await store.remove(slot.slotId)).toBe(false);
    expect(store.counts()).toEqual({ slots: 1 });
  }));

test("the first claim locks a slot to its key, a second key burns it for both and erases the cell", () =>
  withStore(async (store, db) => {
    const slot = newSlot();
    const [first, second] = [randomBytes(32), randomBytes(32)];
    await store.put(slot);
    expect(await store.state(slot.slotId, 1)).toBe("open");
    expect(await store.claim(slot.slotId, first, 1)).toEqual({ kind: "cell", cell: slot.cell });
    expect(await store.claim(slot.slotId, first, 2)).toEqual({ kind: "cell", cell: slot.cell });
    expect(await store.state(slot.slotId, 2)).toBe("claimed");
    expect(await store.claim(slot.slotId, second, 3)).toEqual({ kind: "burned" });
    expect(await store.claim(slot.slotId, first, 4)).toEqual({ kind: "burned" });
    expect(await store.state(slot.slotId, 4)).toBe("burned");
    expect(await store.put(slot)).toBe("stored");
    expect(db.sqlite.prepare("SELECT count(*) FROM slot WHERE cell IS NOT NULL").pluck().get()).toBe(0);
  }));

test("two keys that claim at one moment do not both get the cell", () =>
  withStore(async (store) => {
    const slot = newSlot();
    await store.put(slot);
    const claims = await Promise.all([1, 2].map(() => store.claim(slot.slotId, randomBytes(32), 1)));
    expect(claims.map(({ kind }) => kind)).toEqual(["cell", "burned"]);
    expect(await store.state(slot.slotId, 1)).toBe("burned");
  }));

test("a slot past its time gives its cell to nobody, says so to its owner, and is forgotten later", () =>
  withStore(async (store, db) => {
    const slot = newSlot(100);
    const key = randomBytes(32);
    await store.put(slot);
    expect(await store.claim(slot.slotId, key, 99)).toMatchObject({ kind: "cell" });
    expect(await store.claim(slot.slotId, key, 100)).toEqual({ kind: "expired" });
    const unclaimed = newSlot(100);
    await store.put(unclaimed);
    expect(await store.state(unclaimed.slotId, 100)).toBe("expired");
    await store.expire(100, 50);
    expect(db.sqlite.prepare("SELECT count(*) FROM slot WHERE cell IS NOT NULL").pluck().get()).toBe(0);
    expect(await store.state(unclaimed.slotId, 100)).toBe("expired");
    await store.expire(200, 101);
    expect(await store.state(unclaimed.slotId, 200)).toBeUndefined();
    expect(await store.claim(unclaimed.slotId, key, 200)).toEqual({ kind: "no-slot" });
    expect(store.counts()).toEqual({ slots: 0 });
  }));
