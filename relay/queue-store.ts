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

export type Appended =
  | { readonly kind: "stored"; readonly recipientId: Buffer; readonly seq: number }
  | { readonly kind: "full" }
  | { readonly kind: "no-queue" };

/**
 * Where queues and their cells lie. Declared here by the relay that uses it; each engine passes the suite in
 * test/relay/queue-store-conformance.ts. Every change is durable when its promise resolves, and happened not at all
 * when it rejects. Times are milliseconds since 1970.
 */
export interface QueueStore {
  /** `created` also if this very queue is there already; `in-use` if one of the ids belongs to a different one. */
  create(queue: QueueRecord, now: number): Promise<"created" | "in-use" | "full">;
  recipientKey(recipientId: Uint8Array): Promise<Buffer | undefined>;
  senderKey(senderId: Uint8Array): Promise<Buffer | undefined>;
  /** Appends to the queue with this sender id. Calls take effect in their order; a seq is never given twice, starts at 1 and grows by 1. */
  append(senderId: Uint8Array, cell: Uint8Array, now: number): Promise<Appended>;
  /** Somebody reads the queue now; returns the seq that the next cell will get. */
  subscribed(recipientId: Uint8Array, now: number): Promise<number | undefined>;
  /** The oldest cells with a seq above `after`, ascending, at most `count`. */
  read(recipientId: Uint8Array, after: number, count: number): Promise<readonly StoredCell[]>;
  /** Deletes what the ranges cover; what is not there is passed over. */
  acknowledge(recipientId: Uint8Array, ranges: readonly SeqRange[]): Promise<void>;
  /** False if there was none. */
  remove(recipientId: Uint8Array): Promise<boolean>;
  /** Deletes cells that came before one moment and queues that nobody subscribed to since another. */
  expire(cellsBefore: number, queuesBefore: number): Promise<void>;
  counts(): { readonly queues: number; readonly cells: number };
}
