import { DELETED, SEEN } from "./flags.ts";
import type { StoredMessage, Totals } from "./message-index.ts";

/** What a mailbox is asked again and again; kept right while messages come, forgotten by any other change. */
export class MailboxCache {
  readonly uids: number[];
  #totals: Totals;

  constructor(uids: number[], totals: Totals) {
    this.uids = uids;
    this.#totals = totals;
  }

  get totals(): Totals {
    return this.#totals;
  }

  /** Messages came; those that were there already when this was read are passed over. */
  add(messages: readonly StoredMessage[]): void {
    let last = this.uids.at(-1) ?? 0;
    let { messages: count, unseen, deleted, size } = this.#totals;
    for (const message of messages) {
      if (message.uid <= last) continue;
      last = message.uid;
      this.uids.push(last);
      count++;
      if ((message.bits & SEEN) === 0) unseen++;
      if ((message.bits & DELETED) !== 0) deleted++;
      size += message.size;
    }
    this.#totals = { messages: count, unseen, deleted, size };
  }
}
