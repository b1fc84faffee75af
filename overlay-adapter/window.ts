/** Counts what is under way, and makes the next one wait while it is too much. */
export class Window {
  readonly #size: number;
  #used = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Resolves when there is room, which is then taken. First come, first served. */
  async enter(): Promise<void> {
    if (this.#used < this.#size) {
      this.#used++;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#used--;
    else next();
  }
}
