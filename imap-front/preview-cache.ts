/** Previews that were made, by EMAILID: what a listing with LAZY is told without opening a file. */
export class PreviewCache {
  readonly #limit: number;
  readonly #previews = new Map<string, string>();

  /** `limit` previews are kept, the newest. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(emailId: string): string | undefined {
    return this.#previews.get(emailId);
  }

  set(emailId: string, preview: string): void {
    this.#previews.set(emailId, preview);
    const [oldest] = this.#previews.keys();
    if (this.#previews.size > this.#limit && oldest !== undefined) this.#previews.delete(oldest);
  }
}
