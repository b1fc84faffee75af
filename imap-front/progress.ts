import type { Session } from "./session.ts";

/**
 * Tells, at intervals, that a command is still being carried out and how far it is (INPROGRESS, RFC 9585): programs wait
 * with more patience, and what lies between does not take the connection for dead. To be used only while nothing but
 * whole lines is written.
 */
export class Progress {
  readonly #session: Session;
  readonly #tag: string;
  #state: { readonly done: number; readonly goal: number } | undefined;
  #cancel: () => void = () => undefined;

  constructor(session: Session) {
    this.#session = session;
    // A tag may hold `]`, which ends a response code for many programs.
    this.#tag = session.tag.includes("]") ? "NIL" : `"${session.tag}"`;
    this.#wait();
  }

  /** So many of so many things are done; what was said before, of another step, no longer counts. */
  at(done: number, goal: number): void {
    this.#state = { done, goal };
  }

  end(): void {
    this.#cancel();
  }

  #wait(): void {
    const { clock, limits } = this.#session.options;
    this.#cancel = clock.after(limits.progressInterval, () => {
      this.#tell();
      this.#wait();
    });
  }

  #tell(): void {
    const { output } = this.#session;
    // A client that does not take what there is needs no more of it.
    if (output.full) return;
    // The goal is above zero and not reached yet, or it is not told (section 4).
    const { done, goal } = this.#state ?? { done: 0, goal: 0 };
    const state = goal > done ? `${done} ${goal}` : "NIL NIL";
    output.write(`* OK [INPROGRESS (${this.#tag} ${state})] Still working\r\n`);
    output.flush().catch(() => this.#session.hangUp());
  }
}
