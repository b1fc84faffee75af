import type { Mailbox } from "../store.ts";
import type { Intern } from "./sort-fields.ts";
import type { Sortable } from "./sort-key.ts";
import { TextRanks } from "./text-ranks.ts";

/**
 * What messages are sorted and threaded by, remembered for all sessions: nothing of it ever changes. `limit` messages
 * are remembered; the mailbox that nobody asked for longest is forgotten first.
 */
export class SortableCache {
  readonly #limit: number;
  /** Least recently used first. */
  readonly #mailboxes = new Map<Mailbox, Map<number, Sortable>>();
  readonly #texts = new WeakMap<Mailbox, Map<string, string>>();
  readonly #ranks = new WeakMap<Mailbox, Map<string, TextRanks>>();
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The mailbox's messages that are remembered, by UID; to be added to with `remember`. */
  known(mailbox: Mailbox): ReadonlyMap<number, Sortable> {
    const known = this.#mailboxes.get(mailbox) ?? new Map<number, Sortable>();
    this.#mailboxes.delete(mailbox);
    this.#mailboxes.set(mailbox, known);
    return known;
  }

  /** For texts of the mailbox's messages; of a mailbox with very many different ones only some are shared. */
  intern(mailbox: Mailbox): Intern {
    const texts = this.#texts.get(mailbox) ?? new Map<string, string>();
    this.#texts.set(mailbox, texts);
    return (text) => {
      const known = texts.get(text);
      if (known === undefined && texts.size < this.#limit) texts.set(text, text);
      return known ?? text;
    };
  }

  /** The order of what a criterion compares of the mailbox's messages. */
  ranks(mailbox: Mailbox, criterion: string): TextRanks {
    const ranks = this.#ranks.get(mailbox) ?? new Map<string, TextRanks>();
    this.#ranks.set(mailbox, ranks);
    const known = ranks.get(criterion) ?? new TextRanks();
    ranks.set(criterion, known);
    return known;
  }

  /** Does nothing where this mailbox alone fills the room, or was forgotten meanwhile. */
  remember(mailbox: Mailbox, message: Sortable): void {
    while (this.#size >= this.#limit) {
      const [oldest] = this.#mailboxes;
      if (oldest === undefined || oldest[0] === mailbox) return;
      this.#size -= oldest[1].size;
      this.#mailboxes.delete(oldest[0]);
      this.#ranks.delete(oldest[0]);
      this.#texts.delete(oldest[0]);
    }
    const known = this.#mailboxes.get(mailbox);
    if (known === undefined || known.has(message.uid)) return;
    known.set(message.uid, message);
    this.#size++;
  }
}
