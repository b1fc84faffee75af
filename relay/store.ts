import type { BlobStore } from "./blob-store.ts";
import type { QueueStore } from "./queue-store.ts";
import type { SlotStore } from "./slot-store.ts";
import type { TokenStore } from "./token-store.ts";

/**
 * All that a relay keeps, in one engine; the port that SQLite fits and others can. Each engine passes the suite in
 * test/relay/conformance. Every change is durable when its promise resolves, and happened not at all when it rejects.
 *
 * An engine may be shared by several relay processes: nothing here is remembered between calls, counts may be some
 * seconds old, and a cell that another process stored is told to `queues.watch` as well.
 */
export interface RelayStore {
  readonly queues: QueueStore;
  readonly slots: SlotStore;
  readonly blobs: BlobStore;
  readonly tokens: TokenStore;
  /** Octets of all cells and blobs together: what the quota of the whole relay is about. */
  octets(): number;
  /** The relay's own time as it was saved last, see lived-time.ts; undefined for a new store. */
  livedTime(): Promise<number | undefined>;
  saveLivedTime(time: number): Promise<void>;
  close(): void;
}

/** Bounds that the engine keeps, because only it sees all of what they bound. See limits.ts. */
export interface StoreLimits {
  readonly queueOctets: number;
  readonly octets: number;
  readonly queues: number;
  readonly slots: number;
  readonly blobs: number;
  readonly blobOctets: number;
  readonly sweepBatch: number;
}
