import type { MessageLinks } from "../../mime/message-ids.ts";
import type { SortAddresses, SortFields } from "../../mime/sort-fields.ts";
import type { Mailbox } from "../store.ts";
import type { NumberedLinks, Sortable } from "./sort-key.ts";
import { TextRanks } from "./text-ranks.ts";

/** So many more messages may be remembered than twice those that the mailbox has. */
const SPARE = 1_000;

/** What is remembered of one mailbox's messages. */
export class KnownSortables {
  readonly messages = new Map<number, Sortable>();
  /** Subjects and names come again and again: equal ones are kept once. */
  readonly #texts = new Map<string, string>();
  readonly #numbers = new Map<string, number>();
  readonly #ranks = new Map<string, TextRanks>();

  /** The order of what a criterion compares. */
  ranks(criterion: string): TextRanks {
    const known = this.#ranks.get(criterion) ?? new TextRanks();
    this.#ranks.set(criterion, known);
    return known;
  }

  fields(fields: SortFields): SortFields {
    return { ...fields, subject: this.#intern(fields.subject) };
  }

  addresses({ from, to, cc, displayFrom, displayTo }: SortAddresses): SortAddresses {
    return {
      from: this.#intern(from),
      to: this.#intern(to),
      cc: this.#intern(cc),
      displayFrom: this.#intern(displayFrom),
      displayTo: this.#intern(displayTo),
    };
  }

  links({ id, references }: MessageLinks, limit: number): NumberedLinks {
    const newest = references.slice(-limit).map((reference) => this.#numberOf(reference));
    return { id: id === undefined ? undefined : this.#numberOf(id), references: newest };
  }

  #intern(text: string): string {
    const known = this.#texts.get(text);
    if (known === undefined) this.#texts.set(text, text);
    return known ?? text;
  }

  #numberOf(id: string): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    this.#numbers.set(id, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}

/**
 * What messages are sorted and threaded by, remembered for all sessions: nothing of it ever changes. `limit` messages
 * are remembered; the mailbox that nobody asked for longest is forgotten first.
 */
export class SortableCache {
  readonly #limit: number;
  /** Least recently used first. */
  readonly #mailboxes = new Map<Mailbox, KnownSortables>();
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** What is known of the mailbox's messages; to be added to with `remember`. Anew, where most of them are gone. */
  of(mailbox: Mailbox): KnownSortables {
    let known = this.#mailboxes.get(mailbox);
    if (known !== undefined) this.#mailboxes.delete(mailbox);
    if (known !== undefined && known.messages.size > 2 * mailbox.status().messages + SPARE) {
      this.#size -= known.messages.size;
      known = undefined;
    }
    known ??= new KnownSortables();
    this.#mailboxes.set(mailbox, known);
    return known;
  }

  /** Does nothing where this mailbox alone fills the room, or was forgotten meanwhile: numbers are of one time alone. */
  remember(mailbox: Mailbox, known: KnownSortables, message: Sortable): void {
    while (this.#size >= this.#limit) {
      const [oldest] = this.#mailboxes;
      if (oldest === undefined || oldest[0] === mailbox) return;
      this.#size -= oldest[1].messages.size;
      this.#mailboxes.delete(oldest[0]);
    }
    if (this.#mailboxes.get(mailbox) !== known || known.messages.has(message.uid)) return;
    known.messages.set(message.uid, message);
    this.#size++;
  }
}
