import type { Pace } from "../pace.ts";
import { type Sortable, sentDate } from "../sort/sort-key.ts";
import { mergeSubjects } from "./merge-subjects.ts";
import { allNodes, firstMessage, newNode, type ThreadNode } from "./thread-node.ts";

/** Messages linked between two looks at the clock. */
const BATCH = 256;

/**
 * THREAD=REFERENCES (RFC 5256 section 3), steps 1 to 6. Messages come in the order of the mailbox and with their links; `depth` bounds the
 * steps that looking for a loop may take.
 */
export async function threadByReferences(
  messages: readonly Sortable[],
  depth: number,
  pace: Pace,
): Promise<ThreadNode[]> {
  const nodes = new Map<number, ThreadNode>();
  const unnamed: ThreadNode[] = [];
  const nodeOf = (id: number): ThreadNode => {
    let node = nodes.get(id);
    if (node === undefined) nodes.set(id, (node = newNode()));
    return node;
  };
  for (const [index, message] of messages.entries()) {
    const { id, references } = message.links ?? { id: undefined, references: [] };
    let previous: ThreadNode | undefined;
    for (const reference of references) {
      const node = nodeOf(reference);
      if (previous !== undefined && node.parent === undefined) link(previous, node, depth);
      previous = node;
    }
    let own = id === undefined ? undefined : nodeOf(id);
    if (own === undefined || own.message !== undefined) {
      own = newNode();
      unnamed.push(own);
    }
    own.message = message;
    own.parent = undefined;
    if (previous !== undefined) link(previous, own, depth);
    if (index % BATCH === 0 && pace.due) await pace.yield();
  }
  // Children are gathered only now: to break a link costs nothing before.
  const roots: ThreadNode[] = [];
  for (const list of [nodes.values(), unnamed])
    for (const node of list) (node.parent === undefined ? roots : node.parent.children).push(node);
  if (pace.due) await pace.yield();
  const merged = mergeSubjects(sortByDate(prune(roots)));
  if (pace.due) await pace.yield();
  for (const node of allNodes(merged)) sortByDate(node.children);
  return sortByDate(merged);
}

/** Makes one the parent of the other, unless that makes a loop. */
function link(parent: ThreadNode, child: ThreadNode, depth: number): void {
  if (parent === child) return;
  let steps = 0;
  // What has nothing below it makes no loop: so it is in most threads, however long.
  if (child.wasParent)
    for (let above: ThreadNode | undefined = parent; above !== undefined; above = above.parent)
      if (above === child || ++steps > depth) return;
  child.parent = parent;
  parent.wasParent = true;
}

/** Step 3: dummies go, and their children take their place; under the root, one that has several children stays. */
function prune(roots: readonly ThreadNode[]): ThreadNode[] {
  const nodes = allNodes(roots);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i] as ThreadNode;
    const [only] = node.children;
    if (node.children.length === 1 && only?.message === undefined) node.children = only?.children ?? [];
    else if (node.children.some(({ message }) => message === undefined))
      node.children = node.children.flatMap((child) => (child.message === undefined ? child.children : [child]));
  }
  return roots.flatMap((root) => (root.message === undefined && root.children.length < 2 ? root.children : [root]));
}

/** By sent date, dummies by that of their first child; in place. A dummy's children are sorted first. */
function sortByDate(siblings: ThreadNode[]): ThreadNode[] {
  for (const node of siblings) if (node.message === undefined) sortByDate(node.children);
  return siblings.sort((a, b) => {
    const [x, y] = [firstMessage(a), firstMessage(b)];
    return x === undefined || y === undefined ? 0 : sentDate(x) - sentDate(y) || x.uid - y.uid;
  });
}
