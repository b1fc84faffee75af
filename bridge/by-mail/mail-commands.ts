import type { Logger } from "../../foundation/logger.ts";
import type { Maildir } from "../../maildir/store.ts";
import { SmtpReply } from "../../smtp-front/submission.ts";
import { fileNotice } from "../notices/file-notice.ts";
import { formatAnswer } from "./answer-letter.ts";
import { type CommandHome, carryOut } from "./carry-out.ts";
import { type CommandRequest, type CommandRow, CommandStore } from "./command-store.ts";
import { ANSWER_PATIENCE, COMMANDS_WAITING } from "./limits.ts";

export interface MailCommandsOptions extends CommandHome {
  readonly maildir: Maildir;
  readonly logger: Logger;
}

/** Carries out, one after another, what the user's letters to the bridge itself say, and files the answers in INBOX. */
export class MailCommands {
  readonly #o: MailCommandsOptions;
  readonly #store: CommandStore;
  #work: Promise<void> | undefined;
  #started = false;
  #stopWaiting: (() => void) | undefined;

  constructor(options: MailCommandsOptions) {
    this.#o = options;
    this.#store = new CommandStore(options.db);
  }

  /**
   * Takes a command, in the transaction that files the letter's copy. The key is a hash of what makes the letter this
   * one; false where it was taken before. @throws SmtpReply 452 where too many wait
   */
  take(key: Uint8Array, request: CommandRequest): boolean {
    const { db, clock } = this.#o;
    if (this.#store.waiting() >= COMMANDS_WAITING)
      throw new SmtpReply(452, "4.3.1", "Too many commands wait for their answer: try again later");
    if (!this.#store.add(key, request, clock.now())) return false;
    db.afterSync(() => this.#wake());
    return true;
  }

  /** Begins, with what was taken and not answered before the last end. */
  start(): void {
    this.#started = true;
    this.#wake();
  }

  /** Begins nothing more, and waits for no relay. */
  stop(): void {
    this.#started = false;
    this.#stopWaiting?.();
  }

  /** Resolves when what runs is over; after the overlay's end that is soon. */
  async settled(): Promise<void> {
    await this.#work;
  }

  #wake(): void {
    if (!this.#started || this.#work !== undefined) return;
    this.#work = this.#run()
      .catch((error: unknown) => {
        if (this.#started) this.#logBug(error);
      })
      .then(() => {
        this.#work = undefined;
      });
  }

  async #run(): Promise<void> {
    for (let row = this.#store.next(); row !== undefined && this.#started; row = this.#store.next()) {
      if (row.answer === undefined) await this.#carryOut(row);
      const done = this.#store.next();
      if (done?.key.equals(row.key)) await this.#tell(done);
    }
  }

  /** A bug must not stand in the way of the commands behind it. */
  async #carryOut(row: CommandRow): Promise<void> {
    try {
      await carryOut(this.#o, this.#store, row);
    } catch (error) {
      if (!this.#started) throw error;
      this.#logBug(error);
      const text = "The bridge made a mistake, and did not do it, or not all of it. Its log says more.";
      await this.#o.db.commit(() => this.#store.setDone(row.key, { text }));
    }
  }

  #logBug(error: unknown): void {
    const cause = error instanceof Error ? (error.stack ?? "") : "";
    this.#o.logger("error", "a command by mail could not be carried out", { cause });
  }

  async #tell({ key, request, answer }: CommandRow): Promise<void> {
    if (answer === undefined) return;
    const { account, clock } = this.#o;
    const now = clock.now();
    const late = answer.invite !== undefined && !(await this.#isOpen(answer.invite.id));
    const text = late
      ? `${answer.text}\n\nYour relay cannot be reached now: the invite works as soon as the bridge has reached it.`
      : answer.text;
    const content = formatAnswer(request, { ...answer, text }, { to: account.address, now });
    await fileNotice(this.#o, { content, now }, () => this.#store.setTold(key));
  }

  /** Waits a bounded time until the relay has the invite. */
  async #isOpen(id: string): Promise<boolean> {
    const { overlay, clock } = this.#o;
    const preparing = () => overlay.pendingInvites().some((one) => one.id === id && one.state === "preparing");
    const end = clock.now() + ANSWER_PATIENCE;
    while (preparing() && this.#started && clock.now() < end)
      await new Promise<void>((resolve) => {
        const cancel = clock.after(50, resolve);
        this.#stopWaiting = () => {
          cancel();
          resolve();
        };
      });
    return !preparing();
  }
}
