/** What a process and all below it use, from Linux's /proc; what ends meanwhile is left out. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/** Megabytes, of 1,048,576 octets. */
export interface Memory {
  /** Pages that several processes share count in each. */
  readonly resident: number;
  /** Shared pages count once (PSS). */
  readonly proportional: number;
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function processes(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [root];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

function sumOverThreads(root: number, value: (folder: string) => number): number {
  let sum = 0;
  for (const pid of processes(root)) {
    try {
      for (const thread of readdirSync(`/proc/${pid}/task`)) sum += value(`/proc/${pid}/task/${thread}`);
    } catch {
      // It ended between the two looks.
    }
  }
  return sum;
}

function kilobytes(text: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
}

/** Milliseconds of processor time of all threads that live. */
export function processorTime(root: number): number {
  return sumOverThreads(root, (folder) => Number(read(`${folder}/schedstat`).split(" ")[0] ?? 0) / 1e6);
}

/** How often a thread went to sleep by itself, and so was woken up afterwards. */
export function wakeUps(root: number): number {
  return sumOverThreads(root, (folder) => kilobytes(read(`${folder}/status`), "voluntary_ctxt_switches"));
}

export function memory(root: number): Memory {
  let resident = 0;
  let proportional = 0;
  for (const pid of processes(root)) {
    const rollup = read(`/proc/${pid}/smaps_rollup`);
    resident += kilobytes(rollup, "Rss") / 1024;
    proportional += kilobytes(rollup, "Pss") / 1024;
  }
  return { resident, proportional };
}

/** Starts to watch the most that is resident from here on; the answer tells by how many megabytes it rose above now. */
export function watchRise(root: number): () => number {
  const sum = (field: string): number =>
    processes(root).reduce((total, pid) => total + kilobytes(read(`/proc/${pid}/status`), field), 0);
  // proc(5): 5 resets the peak ("VmHWM") to what is resident now.
  for (const pid of processes(root)) writeFileSync(`/proc/${pid}/clear_refs`, "5");
  const before = sum("VmRSS");
  return () => (sum("VmHWM") - before) / 1024;
}

/** Waits until all of it together took less than 2 % of a core for a second. @throws where it does not in that time */
export async function untilResting(root: number, patience: number): Promise<void> {
  const end = performance.now() + patience;
  for (;;) {
    const before = processorTime(root);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (processorTime(root) - before < 20) return;
    if (performance.now() > end) throw new Error(`it still worked after ${Math.round(patience / 1000)} s`);
  }
}
