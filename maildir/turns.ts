import { setImmediate } from "node:timers/promises";
import { WORK_SLICE } from "./limits.ts";
import { commit, type Storage } from "./storage.ts";

/** Lists of so many, in order; at least one, which may be empty. */
export function inSlices<T>(items: readonly T[], size: number): (readonly T[])[] {
  const slices: (readonly T[])[] = [];
  for (let start = 0; start === 0 || start < items.length; start += size) slices.push(items.slice(start, start + size));
  return slices;
}

/**
 * A transaction for each slice, one after the other, and others get their turn in between; syncs are waited for at the
 * end, so that they are as few as for one transaction. Resolves when all is durable. If one fails, the ones before it
 * stand and none follows. `prepare` is waited for before each.
 */
export async function commitInTurns<T, R>(
  storage: Pick<Storage, "db">,
  slices: readonly (readonly T[])[],
  work: (slice: readonly T[], index: number) => R,
  prepare?: (index: number) => Promise<void>,
): Promise<R[]> {
  const durable: Promise<R>[] = [];
  let failed = false;
  for (const [index, slice] of slices.entries()) {
    if (prepare !== undefined) await prepare(index);
    await new Promise<void>((resolve) => {
      const result = commit(storage, () => {
        const value = work(slice, index);
        storage.db.afterCommit(resolve);
        return value;
      });
      result.catch(() => {
        failed = true;
        resolve();
      });
      durable.push(result);
    });
    if (failed) break;
    if (index < slices.length - 1) await setImmediate();
  }
  return Promise.all(durable);
}

/** Lets others have their turn once the slice of time is used up. The result throws the signal's reason. */
export function turnTaker(signal?: AbortSignal): () => Promise<void> {
  let sliceEnd = performance.now() + WORK_SLICE;
  return async () => {
    if (performance.now() < sliceEnd) return;
    await setImmediate();
    signal?.throwIfAborted();
    sliceEnd = performance.now() + WORK_SLICE;
  };
}
