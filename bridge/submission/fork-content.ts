type Consumer = (content: AsyncIterable<Uint8Array>) => Promise<unknown>;

/**
 * Hands one content to several consumers at the pace of the slowest, so that it never lies in memory whole. If the
 * content or one consumer fails, the iteration of all others throws that error; resolves when all are done.
 */
export async function forkContent(content: AsyncIterable<Uint8Array>, consumers: readonly Consumer[]): Promise<void> {
  const branches = consumers.map(() => new Branch());
  const consuming = consumers.map(async (consume, index) => {
    const branch = branches[index] as Branch;
    try {
      await consume(branch);
    } catch (error) {
      for (const other of branches) other.fail(error);
      throw error;
    } finally {
      branch.leave();
    }
  });
  const producing = (async () => {
    try {
      for await (const chunk of content) {
        await Promise.all(branches.map((branch) => branch.offer(chunk)));
        if (branches.some((branch) => branch.failed)) break;
      }
      for (const branch of branches) branch.end();
    } catch (error) {
      for (const branch of branches) branch.fail(error);
      throw error;
    }
  })();
  const outcomes = await Promise.allSettled([...consuming, producing]);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/** One consumer's side: at most one chunk waits in it. */
class Branch implements AsyncIterable<Uint8Array> {
  #chunk: Uint8Array | undefined;
  #ended = false;
  #left = false;
  #failure: { readonly error: unknown } | undefined;
  #changed: (() => void) | undefined;
  #taken: (() => void) | undefined;

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Resolves when the consumer has taken the chunk, or takes no more. */
  async offer(chunk: Uint8Array): Promise<void> {
    if (this.#left || this.failed) return;
    this.#chunk = chunk;
    const taken = new Promise<void>((resolve) => {
      this.#taken = resolve;
    });
    this.#changed?.();
    await taken;
  }

  end(): void {
    this.#ended = true;
    this.#changed?.();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#changed?.();
    this.#taken?.();
  }

  leave(): void {
    this.#left = true;
    this.#taken?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const chunk = this.#chunk;
      if (chunk !== undefined) {
        this.#chunk = undefined;
        yield chunk;
        this.#taken?.();
      } else if (this.#ended) return;
      else
        await new Promise<void>((resolve) => {
          this.#changed = resolve;
        });
    }
  }
}
