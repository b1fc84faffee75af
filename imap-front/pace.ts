import { performance } from "node:perf_hooks";

/** Lets other connections in between the steps of long work. */
export class Pace {
  readonly #slice: number;
  #begin = performance.now();

  /** `slice` in milliseconds. */
  constructor(slice: number) {
    this.#slice = slice;
  }

  /** True once the slice is used up; then `yield` is due. */
  get due(): boolean {
    return performance.now() - this.#begin >= this.#slice;
  }

  /** Runs everybody else's events once. */
  async yield(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    this.#begin = performance.now();
  }
}
