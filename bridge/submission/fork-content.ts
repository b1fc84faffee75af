import type { Content } from "../../foundation/content.ts";

type Consumer<C> = (content: C) => Promise<unknown>;

/** Hands one content to several consumers; resolves when all are done. @throws what the first of them that failed threw */
export async function forkContent(content: Content, consumers: readonly Consumer<Content>[]): Promise<void> {
  if (Buffer.isBuffer(content)) await allDone(consumers.map((consume) => consume(content)));
  else await forkStream(content, consumers);
}

/** @throws what the first of them that failed threw, once none is at work any more */
async function allDone(working: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(working)) if (outcome.status === "rejected") throw outcome.reason;
}

/**
 * The same at the pace of the slowest, so that the content never lies in memory whole. If it or one consumer fails, the
 * iteration of all others throws that error.
 */
export async function forkStream(
  content: AsyncIterable<Uint8Array>,
  consumers: readonly Consumer<AsyncIterable<Uint8Array>>[],
): Promise<void> {
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
  await allDone([...consuming, producing]);
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
