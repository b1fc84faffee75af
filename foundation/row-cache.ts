/**
 * Rows as they were read last, for tables that one object alone writes and that are asked for the same few again and
 * again. Once something was written, nothing is remembered until the transaction that wrote it is over, one way or the
 * other: what it may yet roll back must not live on here.
 */
export class RowCache<Key, Row> {
  readonly #inTransaction: () => boolean;
  readonly #most: number;
  readonly #known = new Map<Key, Row>();
  #changing = false;

  /** Remembers so many rows at most. */
  constructor(inTransaction: () => boolean, most: number) {
    this.#inTransaction = inTransaction;
    this.#most = most;
  }

  /** What is remembered under the key, or what `read` finds; that nothing is found is not remembered. */
  get(key: Key, read: () => Row | undefined): Row | undefined {
    if (this.#changing) {
      if (this.#inTransaction()) return read();
      this.#changing = false;
    }
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = read();
    if (found === undefined) return undefined;
    if (this.#known.size >= this.#most) this.#known.clear();
    this.#known.set(key, found);
    return found;
  }

  /** A row was written. */
  changed(): void {
    this.#known.clear();
    this.#changing = true;
  }
}
