import { createHash } from "node:crypto";
import type { Database } from "../../foundation/database.ts";
import type { RelayLimits } from "../limits.ts";
import type { Claimed, SlotRecord, SlotStore } from "../slot-store.ts";

interface SlotRow {
  readonly owner_key: Buffer;
  readonly expires: number;
  readonly claim_key: Buffer | null;
  readonly burned: number;
  readonly digest: Buffer;
  readonly cell: Buffer | null;
}

/** Slots in the relay's SQLite file. */
export class SqliteSlotStore implements SlotStore {
  readonly #db: Database;
  readonly #limits: Pick<RelayLimits, "slots">;
  readonly #sql: ReturnType<typeof prepare>;
  #slots: number;

  /** The database holds schema.ts's tables. */
  constructor(db: Database, limits: Pick<RelayLimits, "slots">) {
    this.#db = db;
    this.#limits = limits;
    this.#sql = prepare(db);
    this.#slots = db.sqlite.prepare<[], number>("SELECT count(*) FROM slot").pluck().get() ?? 0;
  }

  put(slot: SlotRecord): Promise<"stored" | "in-use" | "full"> {
    // A digest stays behind when the cell is erased, so that a repeated put is still known as one.
    const digest = createHash("sha256").update(slot.cell).digest();
    return this.#db.commit(() => {
      const row = this.#sql.byId.get(slot.slotId);
      if (row !== undefined) {
        const same = row.owner_key.equals(slot.ownerKey) && row.expires === slot.expires && row.digest.equals(digest);
        return same ? "stored" : "in-use";
      }
      if (this.#slots >= this.#limits.slots) return "full";
      this.#sql.put.run(slot.slotId, slot.ownerKey, slot.expires, digest, slot.cell);
      this.#count(1);
      return "stored";
    });
  }

  claim(slotId: Uint8Array, claimKey: Uint8Array, now: number): Promise<Claimed> {
    return this.#db.commit((): Claimed => {
      const row = this.#sql.byId.get(slotId);
      if (row === undefined) return { kind: "no-slot" };
      if (row.burned === 1) return { kind: "burned" };
      if (row.expires <= now || row.cell === null) return { kind: "expired" };
      if (row.claim_key === null) this.#sql.lock.run(claimKey, slotId);
      else if (!row.claim_key.equals(claimKey)) {
        this.#sql.burn.run(slotId);
        return { kind: "burned" };
      }
      return { kind: "cell", cell: row.cell };
    });
  }

  async ownerKey(slotId: Uint8Array): Promise<Buffer | undefined> {
    return this.#sql.byId.get(slotId)?.owner_key;
  }

  async state(slotId: Uint8Array, now: number): Promise<"open" | "claimed" | "burned" | "expired" | undefined> {
    const row = this.#sql.byId.get(slotId);
    if (row === undefined) return undefined;
    if (row.burned === 1) return "burned";
    if (row.claim_key !== null) return "claimed";
    return row.expires <= now ? "expired" : "open";
  }

  remove(slotId: Uint8Array): Promise<boolean> {
    return this.#db.commit(() => {
      const removed = this.#sql.remove.run(slotId).changes;
      this.#count(-removed);
      return removed > 0;
    });
  }

  expire(now: number, rowsBefore: number): Promise<void> {
    return this.#db.commit(() => {
      this.#sql.erase.run(now);
      this.#count(-this.#sql.removeOver.run(rowsBefore).changes);
    });
  }

  counts(): { readonly slots: number } {
    return { slots: this.#slots };
  }

  #count(slots: number): void {
    this.#db.afterCommit(() => {
      this.#slots += slots;
    });
  }
}

function prepare({ sqlite }: Database) {
  return {
    byId: sqlite.prepare<[Uint8Array], SlotRow>("SELECT * FROM slot WHERE slot_id = ?"),
    put: sqlite.prepare<[Uint8Array, Uint8Array, number, Uint8Array, Uint8Array]>(
      "INSERT INTO slot (slot_id, owner_key, expires, digest, cell) VALUES (?, ?, ?, ?, ?)",
    ),
    lock: sqlite.prepare<[Uint8Array, Uint8Array]>("UPDATE slot SET claim_key = ? WHERE slot_id = ?"),
    burn: sqlite.prepare<[Uint8Array]>("UPDATE slot SET burned = 1, cell = NULL WHERE slot_id = ?"),
    remove: sqlite.prepare<[Uint8Array]>("DELETE FROM slot WHERE slot_id = ?"),
    erase: sqlite.prepare<[number]>("UPDATE slot SET cell = NULL WHERE expires <= ? AND cell IS NOT NULL"),
    removeOver: sqlite.prepare<[number]>("DELETE FROM slot WHERE expires < ?"),
  };
}
