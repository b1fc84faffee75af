import type { Pace } from "../pace.ts";
import type { Mailbox } from "../store.ts";
import { decodeColumns, encodeColumns } from "./kept-columns.ts";
import { SortColumns } from "./sort-columns.ts";

/** So many more messages may be remembered than twice those that the mailbox has. */
const SPARE = 1_000;

/** What was learnt is worth keeping from so much on, and once it is such a part of the whole: keeping writes all of it. */
const WORTH_KEEPING = 256;
const SHARE_WORTH_KEEPING = 1 / 32;

/**
 * What messages are sorted and threaded by, remembered for all sessions, and kept by the mailbox for the next start. `limit`
 * messages are remembered; the mailbox that nobody asked for longest is forgotten first.
 */
export class SortableCache {
  readonly #limit: number;
  /** Least recently used first. */
  readonly #mailboxes = new Map<Mailbox, SortColumns>();
  /** Those whose mailboxes are just asked for what they keep. */
  readonly #coming = new Map<Mailbox, Promise<SortColumns>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** What is known of the mailbox; anew, where most of it speaks of messages that are gone. A command goes on with what it got. */
  async of(mailbox: Mailbox): Promise<SortColumns> {
    let known = this.#mailboxes.get(mailbox) ?? (await this.#kept(mailbox));
    this.#mailboxes.delete(mailbox);
    if (known.size > 2 * mailbox.status().messages + SPARE) known = new SortColumns();
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

  /** Has the mailbox keep what is known of it, if so much was learnt that it is worth it. */
  async keep(mailbox: Mailbox, pace: Pace): Promise<void> {
    const known = this.#mailboxes.get(mailbox);
    if (known === undefined || known.learnt < WORTH_KEEPING || known.learnt < SHARE_WORTH_KEEPING * known.size) return;
    await mailbox.keep(await encodeColumns(known, mailbox.uidValidity, pace));
  }

  /** What the mailbox keeps, the same for all who ask meanwhile; empty columns where that is nothing. */
  #kept(mailbox: Mailbox): Promise<SortColumns> {
    let coming = this.#coming.get(mailbox);
    if (coming === undefined) {
      const decode = (octets: Uint8Array<ArrayBuffer> | undefined): SortColumns =>
        (octets && decodeColumns(octets, mailbox.uidValidity)) ?? new SortColumns();
      coming = mailbox
        .kept()
        .then(decode)
        .finally(() => this.#coming.delete(mailbox));
      this.#coming.set(mailbox, coming);
    }
    return coming;
  }
}
