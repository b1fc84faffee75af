import type { Contact } from "./contacts.ts";
import { CACHED_CONTACTS_MAX } from "./limits.ts";

/**
 * Contacts as they were read last: each letter asks for the same ones a dozen times. Once something was written, nothing
 * is remembered until the transaction that wrote it is over, one way or the other: what it may yet roll back must not
 * live on here.
 */
export class ContactCache {
  readonly #inTransaction: () => boolean;
  readonly #known = new Map<string, Contact>();
  #changing = false;

  constructor(inTransaction: () => boolean) {
    this.#inTransaction = inTransaction;
  }

  /** What is remembered under the key, or what `read` finds; that nobody is found is not remembered. */
  get(key: string, read: () => Contact | undefined): Contact | undefined {
    if (this.#changing) {
      if (this.#inTransaction()) return read();
      this.#changing = false;
    }
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = read();
    if (found === undefined) return undefined;
    if (this.#known.size >= CACHED_CONTACTS_MAX) this.#known.clear();
    this.#known.set(key, found);
    return found;
  }

  /** A contact was written. */
  changed(): void {
    this.#known.clear();
    this.#changing = true;
  }
}
