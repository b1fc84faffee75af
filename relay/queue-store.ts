import type { TokenHash } from "./token-store.ts";
import type { SeqRange } from "./wire/acknowledge.ts";

/** A queue as its owner made it; see wire/create.ts. */
export interface QueueRecord {
  readonly recipientId: Uint8Array;
  readonly senderId: Uint8Array;
  readonly recipientKey: Uint8Array;
  readonly senderKey: Uint8Array;
}

export interface StoredCell {
  readonly seq: number;
  readonly cell: Buffer;
}

/** A cell became durable. */
export interface Arrival {
  readonly recipientId: Buffer;
  readonly seq: number;
  /** Absent where another process took it: it is read from the store. */
  readonly cell?: Buffer;
}

export type Appended =
  | { readonly kind: "stored"; readonly seq: number }
  /** The queue, its token or the relay holds as many octets as it may. */
  | { readonly kind: "full" }
  | { readonly kind: "no-queue" };

/** Where queues and their cells lie; part of the port in store.ts. Times are milliseconds of the relay's own time. */
export interface QueueStore {
  /**
   * `created` also if this very queue is there already; `in-use` if one of the ids belongs to a different one; `full`
   * where the token or the relay has as many as it may; `forbidden` where there is no such token, or no longer.
   */
  create(queue: QueueRecord, token: TokenHash, now: number): Promise<"created" | "in-use" | "full" | "forbidden">;
  recipientKey(recipientId: Uint8Array): Promise<Buffer | undefined>;
  senderKey(senderId: Uint8Array): Promise<Buffer | undefined>;
  /** Appends to the queue with this sender id. Calls take effect in their order; a seq is never given twice, starts at 1 and grows by 1. */
  append(senderId: Uint8Array, cell: Buffer, now: number): Promise<Appended>;
  /** Tells of every cell that is stored from now on, once it is durable; those of one queue in the order of their seqs. */
  watch(onArrival: (arrival: Arrival) => void): void;
  /** Somebody reads the queue now; returns the seq that the next cell will get. */
  subscribed(recipientId: Uint8Array, now: number): Promise<number | undefined>;
  /** The oldest cells with a seq above `after`, ascending, at most `count`. */
  read(recipientId: Uint8Array, after: number, count: number): Promise<readonly StoredCell[]>;
  /** Deletes what the ranges cover and returns how many cells that were; what is not there is passed over. */
  acknowledge(recipientId: Uint8Array, ranges: readonly SeqRange[]): Promise<number>;
  /** False if there was none. */
  remove(recipientId: Uint8Array): Promise<boolean>;
  /**
   * Deletes cells that came before one moment, queues that nobody subscribed to since another, and queues of tokens
   * that were revoked together with theirs. Returns how many cells and queues that were.
   */
  expire(cellsBefore: number, queuesBefore: number): Promise<{ readonly cells: number; readonly queues: number }>;
  counts(): { readonly queues: number; readonly cells: number };
}
