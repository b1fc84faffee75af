import type { Mailbox } from "../store.ts";
import { SortColumns } from "./sort-columns.ts";

/** So many more messages may be remembered than twice those that the mailbox has. */
const SPARE = 1_000;

/**
 * What messages are sorted and threaded by, remembered for all sessions. `limit` messages are remembered; the mailbox that
 * nobody asked for longest is forgotten first.
 */
export class SortableCache {
  readonly #limit: number;
  /** Least recently used first. */
  readonly #mailboxes = new Map<Mailbox, SortColumns>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** What is known of the mailbox; anew, where most of it speaks of messages that are gone. A command goes on with what it got. */
  of(mailbox: Mailbox): SortColumns {
    let known = this.#mailboxes.get(mailbox);
    this.#mailboxes.delete(mailbox);
    if (known === undefined || known.size > 2 * mailbox.status().messages + SPARE) known = new SortColumns();
    this.#mailboxes.set(mailbox, known);
    return known;
  }

  /** Forgets what is too much, after something was learnt. */
  trim(): void {
    let size = 0;
    for (const { size: more } of this.#mailboxes.values()) size += more;
    for (const [mailbox, known] of this.#mailboxes) {
      if (size <= this.#limit) return;
      size -= known.size;
      this.#mailboxes.delete(mailbox);
    }
  }
}
