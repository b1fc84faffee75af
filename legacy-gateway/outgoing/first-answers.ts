import type { Refusal } from "../provider/smtp-connection.ts";

/** Takes a letter back that the provider does not want at all; when it resolves the letter is nowhere any more. */
export type TakeBack = () => Promise<void>;

/**
 * Submissions that wait a little for what the provider says to the first attempt. A mail program shows a refusal that it
 * gets as the reply beside the letter, still open to be mended; a report in INBOX comes late and is overlooked.
 */
export class FirstAnswers {
  readonly #waiting = new Map<string, (refusal: Refusal | undefined) => Promise<boolean>>();

  /** The refusal of the whole letter, once it was taken back; undefined where none came within so many milliseconds. */
  async await(letter: Buffer, patience: number, takeBack: TakeBack): Promise<Refusal | undefined> {
    const key = letter.toString("hex");
    return await new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(key);
        resolve(undefined);
      }, patience);
      this.#waiting.set(key, async (refusal) => {
        this.#waiting.delete(key);
        clearTimeout(timer);
        let taken = false;
        try {
          if (refusal !== undefined) await takeBack();
          taken = refusal !== undefined;
        } finally {
          resolve(taken ? refusal : undefined);
        }
        return taken;
      });
    });
  }

  /** What became of the first attempt, a refusal of the whole letter or anything else. True where the letter was taken back. */
  async tell(letter: Buffer, refusal: Refusal | undefined): Promise<boolean> {
    return (await this.#waiting.get(letter.toString("hex"))?.(refusal)) ?? false;
  }

  /** Nobody needs to wait any more. */
  async end(): Promise<void> {
    for (const answer of this.#waiting.values()) await answer(undefined);
  }
}
