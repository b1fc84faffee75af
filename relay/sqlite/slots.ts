import { createHash } from "node:crypto";
import type { Database } from "../../foundation/database.ts";
import type { Claimed, SlotRecord, SlotStore } from "../slot-store.ts";
import type { StoreLimits } from "../store.ts";
import type { TokenHash } from "../token-store.ts";
import { CELL_SIZE } from "../wire/cell.ts";
import type { SqliteParts } from "./queues.ts";
import type { SqliteTokenStore } from "./tokens.ts";
import type { Usage } from "./usage.ts";

interface SlotRow {
  readonly owner_key: Buffer;
  readonly expires: number;
  readonly claim_key: Buffer | null;
  readonly burned: number;
  readonly digest: Buffer;
  readonly cell: Buffer | null;
  readonly token: number;
}

/** Slots in the relay's SQLite file. */
export class SqliteSlotStore implements SlotStore {
  readonly #usage: Usage;
  readonly #tokens: SqliteTokenStore;
  readonly #limits: StoreLimits;
  readonly #sql: ReturnType<typeof prepare>;

  /** The database holds schema.ts's tables. */
  constructor({ db, usage, tokens, limits }: SqliteParts) {
    this.#usage = usage;
    this.#tokens = tokens;
    this.#limits = limits;
    this.#sql = prepare(db);
  }

  put(slot: SlotRecord, token: TokenHash, keepUntil: number): Promise<"stored" | "in-use" | "full" | "forbidden"> {
    // A digest stays behind when the cell is erased, so that a repeated put is still known as one.
    const digest = createHash("sha256").update(slot.cell).digest();
    return this.#usage.commit((count) => {
      const grant = this.#tokens.row(token);
      if (grant === undefined) return "forbidden";
      const row = this.#sql.byId.get(slot.slotId);
      if (row !== undefined) {
        const same = row.owner_key.equals(slot.ownerKey) && row.expires === slot.expires && row.digest.equals(digest);
        return same ? "stored" : "in-use";
      }
      const [own, total] = [this.#usage.of(grant.id), this.#usage.total];
      if (total.slots >= this.#limits.slots || total.octets + CELL_SIZE > this.#limits.octets) return "full";
      if (grant.queues !== null && own.queues + own.slots >= grant.queues) return "full";
      if (grant.octets !== null && own.octets + CELL_SIZE > grant.octets) return "full";
      this.#sql.put.run(slot.slotId, slot.ownerKey, slot.expires, digest, slot.cell, grant.id, keepUntil);
      count(grant.id, { slots: 1, octets: CELL_SIZE });
      return "stored";
    });
  }

  claim(slotId: Uint8Array, claimKey: Uint8Array, now: number): Promise<Claimed> {
    return this.#usage.commit((count): Claimed => {
      const row = this.#sql.byId.get(slotId);
      if (row === undefined) return { kind: "no-slot" };
      if (row.burned === 1) return { kind: "burned" };
      if (row.expires <= now || row.cell === null) return { kind: "expired" };
      if (row.claim_key === null) this.#sql.lock.run(claimKey, slotId);
      else if (!row.claim_key.equals(claimKey)) {
        this.#sql.burn.run(slotId);
        count(row.token, { octets: -CELL_SIZE });
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
    return this.#usage.commit((count) => {
      const row = this.#sql.remove.get(slotId);
      if (row !== undefined) count(row.token, { slots: -1, octets: octetsOf(row) });
      return row !== undefined;
    });
  }

  expire(now: number, rowsBefore: number): Promise<void> {
    return this.#usage.commit((count) => {
      for (const { token } of this.#sql.erase.all(now)) count(token, { octets: -CELL_SIZE });
      for (const row of this.#sql.removeOver.all(rowsBefore)) count(row.token, { slots: -1, octets: octetsOf(row) });
    });
  }

  counts(): { readonly slots: number } {
    return { slots: this.#usage.total.slots };
  }
}

/** What the quota gets back with a row. */
function octetsOf(row: { readonly full: number }): number {
  return row.full === 1 ? -CELL_SIZE : 0;
}

function prepare({ sqlite }: Database) {
  return {
    byId: sqlite.prepare<[Uint8Array], SlotRow>("SELECT * FROM slot WHERE slot_id = ?"),
    put: sqlite.prepare<[Uint8Array, Uint8Array, number, Uint8Array, Uint8Array, number, number]>(
      "INSERT INTO slot (slot_id, owner_key, expires, digest, cell, token, keep_until) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ),
    lock: sqlite.prepare<[Uint8Array, Uint8Array]>("UPDATE slot SET claim_key = ? WHERE slot_id = ?"),
    burn: sqlite.prepare<[Uint8Array]>("UPDATE slot SET burned = 1, cell = NULL WHERE slot_id = ?"),
    remove: sqlite.prepare<[Uint8Array], { token: number; full: number }>(
      "DELETE FROM slot WHERE slot_id = ? RETURNING token, cell IS NOT NULL AS full",
    ),
    erase: sqlite.prepare<[number], { token: number }>(
      "UPDATE slot SET cell = NULL WHERE keep_until <= ? AND cell IS NOT NULL RETURNING token",
    ),
    removeOver: sqlite.prepare<[number], { token: number; full: number }>(
      "DELETE FROM slot WHERE keep_until < ? RETURNING token, cell IS NOT NULL AS full",
    ),
  };
}
