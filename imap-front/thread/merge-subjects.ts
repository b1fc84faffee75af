import type { Pace } from "../pace.ts";
import { NO_TEXT, type SortColumns } from "../sort/sort-columns.ts";
import { NONE } from "./forest.ts";

/** What stands under the root: a message, or a dummy; and the message that stands for it, a dummy's first. */
interface Root {
  readonly node: number;
  readonly first: number;
}

/**
 * Step 5 of THREAD=REFERENCES (RFC 5256 section 3): threads under the root that have one base subject become one. `order`
 * has all messages by date; `parents`, the parent of each, is changed. New dummies count on from the largest.
 */
export async function mergeSubjects(
  columns: SortColumns,
  rows: readonly number[],
  order: readonly number[],
  parents: Int32Array,
  pace: Pace,
): Promise<void> {
  const roots = rootsOf(order, parents);
  if (pace.due) await pace.yield();
  const isDummy = (node: number) => node >= rows.length;
  const isReply = (node: number) => !isDummy(node) && columns.replies[rows[node] as number] === 1;
  const subjectOf = ({ first }: Root) => columns.subjects[rows[first] as number] as number;
  let nextDummy = roots.reduce((last, { node }) => Math.max(last, node + 1), rows.length);

  // Steps A and B: the node that stands for each subject.
  const table = new Map<number, number>();
  for (const root of roots) {
    const subject = subjectOf(root);
    if (subject === NO_TEXT) continue;
    const known = table.get(subject);
    const isBetter =
      known === undefined || (!isDummy(known) && (isDummy(root.node) || (isReply(known) && !isReply(root.node))));
    if (isBetter) table.set(subject, root.node);
  }
  if (pace.due) await pace.yield();

  // Step C.
  const merged = new Map<number, number>();
  for (const root of roots) {
    const { node } = root;
    const known = table.get(subjectOf(root));
    if (known === undefined || known === node) continue;
    if (isDummy(known)) {
      if (isDummy(node)) merged.set(node, known);
      else parents[node] = known;
    } else if (isReply(node) && !isReply(known)) parents[node] = known;
    else {
      parents[known] = parents[node] = nextDummy;
      table.set(subjectOf(root), nextDummy++);
    }
  }
  if (pace.due) await pace.yield();
  if (merged.size > 0)
    for (const [message, parent] of parents.entries()) parents[message] = merged.get(parent) ?? parent;
}

/** In the order of their first messages. */
function rootsOf(order: readonly number[], parents: Int32Array): Root[] {
  const roots: Root[] = [];
  const dummies = new Set<number>();
  for (const message of order) {
    const parent = parents[message] as number;
    if (parent === NONE) roots.push({ node: message, first: message });
    else if (parent >= parents.length && !dummies.has(parent)) {
      dummies.add(parent);
      roots.push({ node: parent, first: message });
    }
  }
  return roots;
}
