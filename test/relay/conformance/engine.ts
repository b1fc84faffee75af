import type { RelayStore, StoreLimits } from "../../../relay/store.ts";
import { hashToken } from "../../../relay/token-hash.ts";
import type { TokenLimits } from "../../../relay/token-store.ts";
import { publicKeyOf, signingKey } from "../../../relay/wire/proof.ts";
import { newQueue, type TestQueue } from "../fixtures.ts";

export interface StoreUnderTest {
  readonly store: RelayStore;
  /** As after a crash: whatever was not durable is gone. */
  readonly reopen: () => Promise<RelayStore>;
}

/** Opens a fresh store with these limits, and removes it after the work. */
export type WithStore = (limits: StoreLimits, work: (under: StoreUnderTest) => Promise<void>) => Promise<void>;

export const CELL = 16_256;

export const ROOMY: StoreLimits = {
  queueOctets: 1_000 * CELL,
  octets: 10_000 * CELL,
  queues: 100,
  slots: 100,
  blobs: 100,
  blobOctets: 1_000 * CELL,
  sweepBatch: 2,
};

export const TOKEN = hashToken(Buffer.alloc(32, 1));
export const OTHER_TOKEN = hashToken(Buffer.alloc(32, 2));
export const UNBOUNDED: TokenLimits = { queues: undefined, octets: undefined, creationsPerHour: undefined };

/** As `withStore`, with one token in it that knows no bounds. */
export function withToken(withStore: WithStore): WithStore {
  return (limits, work) =>
    withStore(limits, async (under) => {
      await under.store.tokens.add(TOKEN, { name: "first", madeAt: 1, ...UNBOUNDED });
      await work(under);
    });
}

export function newRecord(): TestQueue & { readonly recipientKey: Buffer } {
  const queue = newQueue();
  return { ...queue, recipientKey: publicKeyOf(signingKey(queue.recipientSeed)) };
}
