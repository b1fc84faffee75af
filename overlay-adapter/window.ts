/** Counts what is under way, and makes the next one wait while it is too much. */
export class Window {
  readonly #size: number;
  #used = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Takes room, if there is any. */
  tryEnter(): boolean {
    if (this.#used >= this.#size) return false;
    this.#used++;
    return true;
  }

  /** Resolves when there is room, which is then taken. First come, first served. */
  async enter(): Promise<void> {
    if (!this.tryEnter()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#used--;
    else next();
  }
}
