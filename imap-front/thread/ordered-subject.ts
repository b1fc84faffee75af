import type { Pace } from "../pace.ts";
import { pacedSort } from "../sort/paced-sort.ts";
import { type Sortable, sentDate, sortOrder } from "../sort/sort-key.ts";
import { newNode, type ThreadNode } from "./thread-node.ts";

const BY_SUBJECT = sortOrder([
  { name: "SUBJECT", reverse: false },
  { name: "DATE", reverse: false },
]);

/** THREAD=ORDEREDSUBJECT: the first message of each subject, with the others below it. */
export async function threadBySubject(messages: readonly Sortable[], pace: Pace): Promise<ThreadNode[]> {
  const roots: ThreadNode[] = [];
  let last: { readonly subject: string | undefined; readonly root: ThreadNode } | undefined;
  for (const message of await pacedSort(messages, BY_SUBJECT, pace)) {
    const subject = message.fields?.subject;
    if (last?.subject === subject && last !== undefined) last.root.children.push(newNode(message));
    else {
      last = { subject, root: newNode(message) };
      roots.push(last.root);
    }
  }
  return await pacedSort(roots, byFirstDate, pace);
}

function byFirstDate(a: ThreadNode, b: ThreadNode): number {
  if (a.message === undefined || b.message === undefined) throw new Error("a subject without a message");
  return sentDate(a.message) - sentDate(b.message) || a.message.uid - b.message.uid;
}
