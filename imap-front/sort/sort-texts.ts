import type { Pace } from "../pace.ts";

/** Texts that are sorted at a stretch, or merged between two looks at the clock: some milliseconds at most. */
const RUN = 2048;

/** Sorts different texts by their UTF-16 units, letting others in between. */
export async function sortTexts(texts: readonly string[], pace: Pace): Promise<string[]> {
  let runs: string[][] = [];
  for (let i = 0; i < texts.length; i += RUN) {
    // Without a comparison of its own it sorts by UTF-16 units, and several times faster.
    runs.push(texts.slice(i, i + RUN).sort());
    if (pace.due) await pace.yield();
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let i = 0; i < runs.length; i += 2) merged.push(await merge(runs[i] as string[], runs[i + 1] ?? [], pace));
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge(a: string[], b: string[], pace: Pace): Promise<string[]> {
  if (b.length === 0) return a;
  const merged: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if ((a[i] as string) < (b[j] as string)) merged.push(a[i++] as string);
    else merged.push(b[j++] as string);
    if (merged.length % RUN === 0 && pace.due) await pace.yield();
  }
  for (; i < a.length; i++) merged.push(a[i] as string);
  for (; j < b.length; j++) merged.push(b[j] as string);
  return merged;
}
