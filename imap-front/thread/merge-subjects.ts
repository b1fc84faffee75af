import { firstMessage, newNode, type ThreadNode } from "./thread-node.ts";

/** Step 5 of THREAD=REFERENCES (RFC 5256 section 3): threads under the root that have one base subject become one. */
export function mergeSubjects(roots: readonly ThreadNode[]): ThreadNode[] {
  const table = subjectTable(roots);
  const left = new Set(roots);
  for (const current of roots) {
    const subject = subjectOf(current);
    const known = table.get(subject);
    if (known === undefined || known === current) continue;
    if (known.message === undefined) {
      if (current.message === undefined) for (const child of current.children) known.children.push(child);
      else known.children.push(current);
      left.delete(current);
    } else if (isReply(current) && !isReply(known)) {
      known.children.push(current);
      left.delete(current);
    } else {
      const dummy = newNode(undefined, [known, current]);
      left.delete(known);
      left.delete(current);
      left.add(dummy);
      table.set(subject, dummy);
    }
  }
  return [...left];
}

/** Steps A and B: the message that stands for each subject. */
function subjectTable(roots: readonly ThreadNode[]): Map<string, ThreadNode> {
  const table = new Map<string, ThreadNode>();
  for (const current of roots) {
    const subject = subjectOf(current);
    if (subject === "") continue;
    const known = table.get(subject);
    const better =
      known === undefined ||
      (known.message !== undefined && (current.message === undefined || (isReply(known) && !isReply(current))));
    if (better) table.set(subject, current);
  }
  return table;
}

function subjectOf(node: ThreadNode): string {
  return firstMessage(node)?.fields?.subject ?? "";
}

function isReply({ message }: ThreadNode): boolean {
  return message?.fields?.isReplyOrForward === true;
}
