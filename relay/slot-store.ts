import type { TokenHash } from "./token-store.ts";

export interface SlotRecord {
  readonly slotId: Uint8Array;
  readonly ownerKey: Uint8Array;
  /** Milliseconds since 1970, by the owner's clock. */
  readonly expires: number;
  readonly cell: Uint8Array;
}

export type Claimed =
  | { readonly kind: "cell"; readonly cell: Buffer }
  | { readonly kind: "no-slot" | "burned" | "expired" };

/**
 * Where slots lie; part of the port in store.ts. A slot is open, then claimed by one key; a claim by a second key burns
 * it, and its cell is erased. Past its time its cell is handed to nobody, later erased, and the row stays for its owner
 * to ask.
 */
export interface SlotStore {
  /**
   * `stored` also if this very slot was put before, whatever became of it. `keepUntil` is in the relay's own time: a
   * clock that jumps must not erase what its owner still needs.
   */
  put(slot: SlotRecord, token: TokenHash, keepUntil: number): Promise<"stored" | "in-use" | "full" | "forbidden">;
  /** Now is milliseconds since 1970. */
  claim(slotId: Uint8Array, claimKey: Uint8Array, now: number): Promise<Claimed>;
  ownerKey(slotId: Uint8Array): Promise<Buffer | undefined>;
  /** Now is milliseconds since 1970. */
  state(slotId: Uint8Array, now: number): Promise<"open" | "claimed" | "burned" | "expired" | undefined>;
  /** False if there was none. */
  remove(slotId: Uint8Array): Promise<boolean>;
  /** Erases the cells of slots that were to be kept until a moment before now, and rows that were over before a moment. */
  expire(now: number, rowsBefore: number): Promise<void>;
  counts(): { readonly slots: number };
}
