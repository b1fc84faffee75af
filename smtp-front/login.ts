import type { Clock } from "../foundation/clock.ts";
import type { Logger } from "../foundation/logger.ts";
import { Mutex } from "../foundation/mutex.ts";
import type { SmtpLimits } from "./limits.ts";
import { toReply } from "./reply.ts";
import { SmtpReply, type SubmissionAuthenticator, type SubmissionSink } from "./submission.ts";

/**
 * Checks passwords one at a time, since each check is meant to cost memory, and lets the answer to a wrong one wait:
 * other users of the machine, and web pages, can reach a loopback port. A right password is never held up.
 */
export class SlowedLogin {
  readonly #authenticator: SubmissionAuthenticator;
  readonly #clock: Clock;
  readonly #limits: SmtpLimits;
  readonly #logger: Logger;
  readonly #oneAtATime = new Mutex();
  readonly #perConnection = new WeakMap<object, number>();
  #wrong = 0;
  #lastWrong = 0;

  constructor(options: { authenticator: SubmissionAuthenticator; clock: Clock; limits: SmtpLimits; logger: Logger }) {
    this.#authenticator = options.authenticator;
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#logger = options.logger;
  }

  /** @throws SmtpReply 535 5.7.8, after a while; 421 4.7.0 to a connection that tried too often; 454 4.7.0 and others */
  async login(connection: object, user: string, password: string): Promise<SubmissionSink> {
    const sink = await this.#check(user, password);
    if (sink !== undefined) return sink;
    const tries = (this.#perConnection.get(connection) ?? 0) + 1;
    this.#perConnection.set(connection, tries);
    await this.#wait();
    this.#logger("warn", "wrong password", { tries });
    if (tries >= this.#limits.wrongPasswords) throw new SmtpReply(421, "4.7.0", "Too many wrong passwords");
    throw new SmtpReply(535, "5.7.8", "User name or password is wrong: take them from the bridge's set-up");
  }

  async #check(user: string, password: string): Promise<SubmissionSink | undefined> {
    try {
      return await this.#oneAtATime.run(() => this.#authenticator.login(user, password));
    } catch (error) {
      const reply = toReply(error, this.#logger);
      throw reply.code === 451 ? new SmtpReply(454, "4.7.0", reply.message, { cause: error }) : reply;
    }
  }

  #wait(): Promise<void> {
    const now = this.#clock.now();
    if (now - this.#lastWrong > this.#limits.wrongPasswordMemory) this.#wrong = 0;
    this.#lastWrong = now;
    const { wrongPasswordDelay, wrongPasswordDelayMost } = this.#limits;
    const delay = Math.min(wrongPasswordDelayMost, wrongPasswordDelay * 2 ** Math.min(this.#wrong, 20));
    this.#wrong++;
    return new Promise((resolve) => void this.#clock.after(delay, resolve));
  }
}
