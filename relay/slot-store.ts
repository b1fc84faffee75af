export interface SlotRecord {
  readonly slotId: Uint8Array;
  readonly ownerKey: Uint8Array;
  readonly expires: number;
  readonly cell: Uint8Array;
}

export type Claimed =
  | { readonly kind: "cell"; readonly cell: Buffer }
  | { readonly kind: "no-slot" | "burned" | "expired" };

/**
 * Where slots lie; the relay's port, as queue-store.ts. A slot is open, then claimed by one key; a claim by a second key
 * burns it, and its cell is erased. Past its time the cell is erased as well, and the row stays for its owner to ask.
 */
export interface SlotStore {
  /** `stored` also if this very slot was put before, whatever became of it. */
  put(slot: SlotRecord): Promise<"stored" | "in-use" | "full">;
  claim(slotId: Uint8Array, claimKey: Uint8Array, now: number): Promise<Claimed>;
  ownerKey(slotId: Uint8Array): Promise<Buffer | undefined>;
  state(slotId: Uint8Array, now: number): Promise<"open" | "claimed" | "burned" | "expired" | undefined>;
  /** False if there was none. */
  remove(slotId: Uint8Array): Promise<boolean>;
  /** Erases the cells of slots whose time is over, and rows that were over before a moment. */
  expire(now: number, rowsBefore: number): Promise<void>;
  counts(): { readonly slots: number };
}
