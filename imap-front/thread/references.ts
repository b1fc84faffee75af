import type { Pace } from "../pace.ts";
import type { SortColumns } from "../sort/sort-columns.ts";
import { byDate } from "./by-date.ts";
import { Forest, NONE } from "./forest.ts";
import { type Links, linkMessages } from "./link-messages.ts";
import { mergeSubjects } from "./merge-subjects.ts";

/**
 * THREAD=REFERENCES (RFC 5256 section 3). Rows come by ascending UID and with their links; `depth` bounds the steps that
 * looking for a loop may take. Siblings are sorted all at once: messages are put below their parents in the order of
 * their dates, and a dummy takes the place of its first child.
 */
export async function threadByReferences(
  columns: SortColumns,
  rows: readonly number[],
  depth: number,
  pace: Pace,
): Promise<Forest> {
  const links = await linkMessages(columns, rows, depth, pace);
  if (pace.due) await pace.yield();
  const parents = nearestMessages(links, rows.length);
  if (pace.due) await pace.yield();
  const order = await byDate(columns, rows, pace);
  if (pace.due) await pace.yield();
  await mergeSubjects(columns, rows, order, parents, pace);
  if (pace.due) await pace.yield();
  const dummies = parents.reduce((last, parent) => Math.max(last, parent + 1), rows.length);
  const forest = new Forest(rows.length, dummies);
  for (const message of order) {
    const parent = parents[message] as number;
    if (parent >= rows.length && !forest.hasChildren(parent)) forest.append(NONE, parent);
    forest.append(parent, message);
  }
  return forest;
}

/**
 * Step 3: containers without a message go, and what is below them takes their place. Under the root, one that has several
 * messages below it stays, as a dummy. The parent of each message: a message, a dummy, or none.
 */
function nearestMessages({ parents, messages, containers }: Links, count: number): Int32Array {
  /** Of a container without a message: the nearest above that has one, else the topmost. */
  const above = new Int32Array(parents.length).fill(NONE);
  const resolve = (start: number): number => {
    let at = start;
    while (above[at] === NONE) {
      const parent = parents[at] as number;
      if (parent === NONE) above[at] = at;
      else if (messages[parent] !== NONE) above[at] = parent;
      else at = parent;
    }
    const found = above[at] as number;
    for (let below = start; below !== at; below = parents[below] as number) above[below] = found;
    return found;
  };
  const nearest = new Int32Array(count).fill(NONE);
  const below = new Map<number, number[]>();
  for (let message = 0; message < count; message++) {
    let parent = parents[containers[message] as number] as number;
    if (parent !== NONE && messages[parent] === NONE) parent = resolve(parent);
    if (parent === NONE) continue;
    nearest[message] = messages[parent] as number;
    if (nearest[message] !== NONE) continue;
    const siblings = below.get(parent);
    if (siblings === undefined) below.set(parent, [message]);
    else siblings.push(message);
  }
  let dummy = count;
  for (const siblings of below.values()) {
    if (siblings.length < 2) continue;
    for (const message of siblings) nearest[message] = dummy;
    dummy++;
  }
  return nearest;
}
