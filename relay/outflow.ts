/** Large answers of one connection, one after another, each made only once those before have mostly left. */
export class Outflow {
  readonly #hasRoom: () => boolean;
  #last: Promise<void> = Promise.resolve();
  #proceed: (() => void) | undefined;

  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom;
  }

  run(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(async () => {
      while (!this.#hasRoom())
        await new Promise<void>((resolve) => {
          this.#proceed = resolve;
        });
      await work();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** There may be room now. */
  resume(): void {
    this.#proceed?.();
    this.#proceed = undefined;
  }
}
