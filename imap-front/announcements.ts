import type { Session } from "./session.ts";

/**
 * Tells changes while no command is answered: in IDLE, and between the commands of a client that asked for it with NOTIFY.
 * The first change is told at once, those that follow closely are told together; while the client is slow to read, they
 * wait where they were noted.
 */
export class Announcements {
  readonly #session: Session;
  #open = false;
  #expunge = false;
  #earliest = 0;
  #telling: Promise<void> | undefined;
  #cancel: () => void = () => undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** From now on until `end`; `expunge`: EXPUNGE may be told. */
  begin(expunge: boolean): void {
    this.#open = true;
    this.#expunge = expunge;
    for (const source of this.#session.news.sources) source.onPending = () => this.#wake();
    this.#wake();
  }

  /** Resolves when nothing is being told any more. */
  async end(): Promise<void> {
    this.#open = false;
    for (const source of this.#session.news.sources) source.onPending = undefined;
    this.#cancel();
    await this.#telling;
  }

  #wake(): void {
    if (this.#telling !== undefined || !this.#open || !this.#session.hasNews(this.#expunge)) return;
    this.#telling = this.#tell().then(() => {
      this.#telling = undefined;
      this.#wake();
    });
  }

  /** Never rejects: a client that cannot be told is gone. */
  async #tell(): Promise<void> {
    const { clock, limits } = this.#session.options;
    await new Promise<void>((resolve) => {
      const stop = clock.after(Math.max(0, this.#earliest - clock.now()), resolve);
      this.#cancel = () => {
        stop();
        resolve();
      };
    });
    this.#cancel = () => undefined;
    if (!this.#open) return;
    try {
      await this.#session.announce(this.#expunge);
    } catch {
      this.#open = false;
      this.#session.hangUp();
    }
    this.#earliest = clock.now() + limits.idleCoalescing;
  }
}
