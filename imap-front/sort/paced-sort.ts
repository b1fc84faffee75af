import type { Pace } from "../pace.ts";

/** Elements that are sorted at a stretch, or merged between two looks at the clock: some milliseconds at most. */
const RUN = 2048;

/** Sorts stably, letting others in between. */
export async function pacedSort<T>(items: readonly T[], compare: (a: T, b: T) => number, pace: Pace): Promise<T[]> {
  let runs: T[][] = [];
  for (let i = 0; i < items.length; i += RUN) {
    runs.push(items.slice(i, i + RUN).sort(compare));
    if (pace.due) await pace.yield();
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < runs.length; i += 2) merged.push(await merge(runs[i] as T[], runs[i + 1] ?? [], compare, pace));
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(a: T[], b: T[], compare: (a: T, b: T) => number, pace: Pace): Promise<T[]> {
  if (b.length === 0) return a;
  const merged: T[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (compare(a[i] as T, b[j] as T) <= 0) merged.push(a[i++] as T);
    else merged.push(b[j++] as T);
    if (merged.length % RUN === 0 && pace.due) await pace.yield();
  }
  for (; i < a.length; i++) merged.push(a[i] as T);
  for (; j < b.length; j++) merged.push(b[j] as T);
  return merged;
}
