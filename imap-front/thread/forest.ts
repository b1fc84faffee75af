/** Under the root, not below a message; or no node at all. */
export const NONE = -1;

/** Characters that are written at a time. */
const PIECE = 16_384;

/** Threads: nodes below `messages` are messages, by their place in a list; the others are dummies (RFC 5256 section 3). */
export class Forest {
  readonly messages: number;
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #next: Int32Array;
  readonly #roots: number[] = [];

  /** `nodes`: all messages and dummies that there may be. */
  constructor(messages: number, nodes: number) {
    this.messages = messages;
    this.#first = new Int32Array(nodes).fill(NONE);
    this.#last = new Int32Array(nodes).fill(NONE);
    this.#next = new Int32Array(nodes).fill(NONE);
  }

  /** Puts the node below the parent, or under the root, after all that are there. */
  append(parent: number, node: number): void {
    if (parent === NONE) {
      this.#roots.push(node);
      return;
    }
    const last = this.#last[parent] as number;
    if (last === NONE) this.#first[parent] = node;
    else this.#next[last] = node;
    this.#last[parent] = node;
  }

  hasChildren(node: number): boolean {
    return this.#first[node] !== NONE;
  }

  /**
   * `(2)(3 6 (4 23)(44 7 96))` (RFC 5256 section 4) in pieces; `name` tells what a message is called. Threads may be deep:
   * nothing recurses.
   */
  *format(name: (message: number) => number): Generator<string, void> {
    let text = "";
    // Nodes that are open; below each, the children that are still to be written.
    const open: number[] = [];
    for (const root of this.#roots) {
      text += "(";
      for (let node = root; ; ) {
        if (text.length >= PIECE) {
          yield text;
          text = "";
        }
        const first = this.#first[node] as number;
        if (node < this.messages) text += first === NONE ? name(node) : `${name(node)} `;
        if (first !== NONE && first === this.#last[node]) {
          node = first;
          continue;
        }
        let next = first;
        if (next !== NONE) text += "(";
        // A branch has ended: its parenthesis closes, and so do those of all above it that have no more children.
        while (next === NONE) {
          text += ")";
          const branch = open.pop();
          if (branch === undefined) break;
          next = this.#next[branch] as number;
          if (next !== NONE) text += "(";
        }
        if (next === NONE) break;
        open.push(next);
        node = next;
      }
    }
    if (text !== "") yield text;
  }
}
