import type { Mailbox } from "./store.ts";

/** Remembered per mailbox; a mailbox with more damaged messages than this has other troubles. */
const REMEMBERED = 10_000;

/**
 * Messages whose octets broke off after a literal had begun, so that only closing the connection could keep the
 * stream right. The next time they are refused beforehand, and a client that asks again gets on with the others.
 */
export class DamagedMessages {
  readonly #uids = new WeakMap<Mailbox, Set<number>>();

  add(mailbox: Mailbox, uid: number): void {
    const known = this.#uids.get(mailbox) ?? new Set();
    this.#uids.set(mailbox, known);
    if (known.size < REMEMBERED) known.add(uid);
  }

  has(mailbox: Mailbox, uid: number): boolean {
    return this.#uids.get(mailbox)?.has(uid) === true;
  }
}
