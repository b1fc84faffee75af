import type { Pace } from "../pace.ts";
import { NO_ID, type SortColumns } from "../sort/sort-columns.ts";
import { NONE } from "./forest.ts";

/** Messages linked between two looks at the clock. */
const BATCH = 1024;

/** Who answers whom, by containers: one for each id that there is, and one for each message whose id another one has. */
export interface Links {
  readonly parents: Int32Array;
  /** The message in the container, by its place in the list of rows. */
  readonly messages: Int32Array;
  /** The container of each message. */
  readonly containers: Int32Array;
}

/**
 * Steps 1 and 2 of THREAD=REFERENCES (RFC 5256 section 3). Rows come in the order of the mailbox; `depth` bounds the
 * steps that looking for a loop may take.
 */
export async function linkMessages(
  columns: SortColumns,
  rows: readonly number[],
  depth: number,
  pace: Pace,
): Promise<Links> {
  const { ids, firstReference, references, referenced, idCount } = columns;
  const size = idCount + rows.length;
  const parents = new Int32Array(size).fill(NONE);
  const messages = new Int32Array(size).fill(NONE);
  const containers = new Int32Array(rows.length);
  /** Something was ever linked below it: what has nothing below it makes no loop. */
  const wasParent = new Uint8Array(size);
  const link = (parent: number, child: number): void => {
    if (parent === child) return;
    let steps = 0;
    if (wasParent[child] === 1)
      for (let above = parent; above !== NONE; above = parents[above] as number)
        if (above === child || ++steps > depth) return;
    parents[child] = parent;
    wasParent[parent] = 1;
  };
  for (let message = 0; message < rows.length; message++) {
    const row = rows[message] as number;
    const first = firstReference[row] as number;
    const end = first + (references[row] as number);
    let previous = NONE;
    for (let at = first; at < end; at++) {
      const reference = referenced[at] as number;
      if (previous !== NONE && parents[reference] === NONE) link(previous, reference);
      previous = reference;
    }
    const id = ids[row] as number;
    const container = id === NO_ID || messages[id] !== NONE ? idCount + message : id;
    messages[container] = message;
    containers[message] = container;
    parents[container] = NONE;
    if (previous !== NONE) link(previous, container);
    if (message % BATCH === 0 && pace.due) await pace.yield();
  }
  return { parents, messages, containers };
}
