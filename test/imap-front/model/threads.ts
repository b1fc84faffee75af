/** A message as THREAD sees it. */
export interface ThreadedMessage {
  readonly uid: number;
  readonly date: number;
  readonly subject: string;
  readonly isReply: boolean;
  readonly id: string | undefined;
  readonly references: readonly string[];
}

/** A container of RFC 5256 section 3; one without a message is a dummy. */
interface Node {
  message: ThreadedMessage | undefined;
  parent: Node | undefined;
  children: Node[];
}

/** THREAD=REFERENCES, step by step as RFC 5256 section 3 has it, and as slow. Messages come by ascending UID. */
export function modelOfReferences(messages: readonly ThreadedMessage[]): string {
  const roots = sortByDate(prune(linked(messages)));
  const merged = mergeSubjects(roots);
  const sortBelow = (node: Node): void => {
    for (const child of node.children) sortBelow(child);
    sortByDate(node.children);
  };
  for (const root of merged) sortBelow(root);
  return sortByDate(merged)
    .map((root) => `(${format(root)})`)
    .join("");
}

/** THREAD=ORDEREDSUBJECT. */
export function modelOfSubjects(messages: readonly ThreadedMessage[]): string {
  const threads = new Map<string, ThreadedMessage[]>();
  const inOrder = messages.toSorted((a, b) => a.date - b.date || a.uid - b.uid);
  for (const message of inOrder) threads.set(message.subject, [...(threads.get(message.subject) ?? []), message]);
  return [...threads.values()]
    .map(([first, ...others]) => {
      const branches = others.map(({ uid }) => (others.length > 1 ? `(${uid})` : uid)).join("");
      return `(${first?.uid}${branches === "" ? "" : ` ${branches}`})`;
    })
    .join("");
}

function newNode(message?: ThreadedMessage, children: Node[] = []): Node {
  return { message, parent: undefined, children };
}

function linked(messages: readonly ThreadedMessage[]): Node[] {
  const nodes = new Map<string, Node>();
  const unnamed: Node[] = [];
  const nodeOf = (id: string): Node => {
    const node = nodes.get(id) ?? newNode();
    nodes.set(id, node);
    return node;
  };
  const link = (parent: Node, child: Node): void => {
    for (let above: Node | undefined = parent; above !== undefined; above = above.parent) if (above === child) return;
    child.parent = parent;
  };
  for (const message of messages) {
    let previous: Node | undefined;
    for (const reference of message.references) {
      const node = nodeOf(reference);
      if (previous !== undefined && node.parent === undefined) link(previous, node);
      previous = node;
    }
    let own = message.id === undefined ? undefined : nodeOf(message.id);
    if (own === undefined || own.message !== undefined) unnamed.push((own = newNode()));
    own.message = message;
    own.parent = undefined;
    if (previous !== undefined) link(previous, own);
  }
  const roots: Node[] = [];
  for (const node of [...nodes.values(), ...unnamed])
    (node.parent === undefined ? roots : node.parent.children).push(node);
  return roots;
}

function prune(roots: readonly Node[]): Node[] {
  const pruned = (node: Node): void => {
    for (const child of node.children) pruned(child);
    node.children = node.children.flatMap((child) => (child.message === undefined ? child.children : [child]));
  };
  for (const root of roots) pruned(root);
  return roots.flatMap((root) => (root.message === undefined && root.children.length < 2 ? root.children : [root]));
}

function firstMessage(node: Node): ThreadedMessage {
  const message = node.message ?? node.children[0]?.message;
  if (message === undefined) throw new Error("a dummy without messages was left");
  return message;
}

function sortByDate(siblings: Node[]): Node[] {
  for (const node of siblings) if (node.message === undefined) sortByDate(node.children);
  return siblings.sort((a, b) => {
    const [x, y] = [firstMessage(a), firstMessage(b)];
    return x.date - y.date || x.uid - y.uid;
  });
}

function mergeSubjects(roots: readonly Node[]): Node[] {
  const subjectOf = (node: Node) => firstMessage(node).subject;
  const isReply = ({ message }: Node) => message?.isReply === true;
  const table = new Map<string, Node>();
  for (const node of roots) {
    const known = table.get(subjectOf(node));
    if (subjectOf(node) === "") continue;
    const isBetter =
      known === undefined ||
      (known.message !== undefined && (node.message === undefined || (isReply(known) && !isReply(node))));
    if (isBetter) table.set(subjectOf(node), node);
  }
  const left = new Set(roots);
  for (const node of roots) {
    const known = table.get(subjectOf(node));
    if (known === undefined || known === node) continue;
    left.delete(node);
    if (known.message === undefined) known.children.push(...(node.message === undefined ? node.children : [node]));
    else if (isReply(node) && !isReply(known)) known.children.push(node);
    else {
      const dummy = newNode(undefined, [known, node]);
      left.delete(known);
      left.add(dummy);
      table.set(subjectOf(node), dummy);
    }
  }
  return [...left];
}

function format({ message, children }: Node): string {
  const below = children.map((child) => (children.length > 1 ? `(${format(child)})` : format(child))).join("");
  return message === undefined ? below : `${message.uid}${below === "" ? "" : ` ${below}`}`;
}
