/** Hands pieces from one writer to one reader, one at a time: the writer waits until the reader has taken each. */
export class Channel<T> {
  #piece: { readonly value: T } | undefined;
  #ended = false;
  #failure: Error | undefined;
  #abandoned = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  /** Resolves when the reader has taken the piece, or when nobody reads any more. Called again only then. */
  async push(value: T): Promise<void> {
    if (this.#abandoned) return;
    this.#piece = { value };
    this.#wakeReader?.();
    while (this.#piece !== undefined && !this.#abandoned)
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
  }

  /** The reader gets to the end after the last piece. */
  end(): void {
    this.#ended = true;
    this.#wakeReader?.();
  }

  /** The reader gets this error. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wakeReader?.();
    this.abandon();
  }

  /** Nobody reads: pieces vanish. */
  abandon(): void {
    this.#abandoned = true;
    this.#wakeWriter?.();
  }

  async *read(): AsyncGenerator<T> {
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#piece !== undefined) {
          const { value } = this.#piece;
          this.#piece = undefined;
          this.#wakeWriter?.();
          yield value;
        } else if (this.#ended) return;
        else
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve;
          });
      }
    } finally {
      this.abandon();
    }
  }
}
