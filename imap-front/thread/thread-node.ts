import type { Sortable } from "../sort/sort-key.ts";

/** A place in a thread; one without a message is a dummy (RFC 5256 section 3, THREAD). */
export interface ThreadNode {
  message: Sortable | undefined;
  parent: ThreadNode | undefined;
  children: ThreadNode[];
  /** Something was ever linked below it. */
  wasParent: boolean;
}

export function newNode(message?: Sortable, children: ThreadNode[] = []): ThreadNode {
  return { message, parent: undefined, children, wasParent: false };
}

/** Every node below and with the roots, parents before children. Threads may be deep: nothing here recurses. */
export function allNodes(roots: readonly ThreadNode[]): ThreadNode[] {
  const nodes = [...roots];
  for (let i = 0; i < nodes.length; i++) for (const child of nodes[i]?.children ?? []) nodes.push(child);
  return nodes;
}

/** The message that stands for the node in comparisons: its own, or its first child's. */
export function firstMessage(node: ThreadNode): Sortable | undefined {
  return node.message ?? node.children[0]?.message;
}

/** `(2)(3 6 (4 23)(44 7 96))` (RFC 5256 section 4); `number` tells what a message is called. */
export function formatThreads(roots: readonly ThreadNode[], number: (uid: number) => number): string {
  const pieces: string[] = [];
  // What is still to be written, the next at the end: texts, and nodes with what stands before them.
  const pending: (string | ThreadNode)[] = [];
  const open = (nodes: readonly ThreadNode[]) => {
    for (let i = nodes.length - 1; i >= 0; i--) pending.push(")", nodes[i] as ThreadNode, "(");
  };
  open(roots);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next === "string") {
      pieces.push(next);
      continue;
    }
    const { message, children } = next;
    if (message !== undefined) pieces.push(String(number(message.uid)));
    const [only] = children;
    if (children.length > 1) open(children);
    else if (only !== undefined) pending.push(only);
    if (message !== undefined && children.length > 0) pieces.push(" ");
  }
  return pieces.join("");
}
