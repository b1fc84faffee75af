import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import { errorCode, Failure } from "../../foundation/failure.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Account, Server } from "../accounts/account.ts";
import { DELAY_TOLD, REFUSED_DELAYS, SEND_DELAYS, SEND_LIMIT } from "../limits.ts";
import type { LegacyReporter } from "../ports.ts";
import type { LoginSource } from "../provider/login.ts";
import { type Refusal, type SmtpPatience, SmtpSession } from "../provider/smtp-connection.ts";
import { wordsOf } from "../provider/words.ts";
import type { FirstAnswers } from "./first-answers.ts";
import type { LegacyDelivery, LegacyOutbox, OutgoingLetter } from "./outbox.ts";

export interface AccountSenderOptions {
  readonly account: Account & { readonly smtp: Server };
  readonly db: Database;
  readonly outbox: LegacyOutbox;
  readonly answers: FirstAnswers;
  readonly login: LoginSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly report: LegacyReporter;
  /** The provider refuses user, password or certificate; why, for a person. */
  readonly onRefused: (reason: string) => void;
  /** What the provider says of its limit. */
  readonly onSizeLimit: (octets: number | undefined) => void;
  /** Files at the provider what was sent and is to be there too. @throws Failure, where that is to be tried again */
  readonly fileCopies: (signal: AbortSignal) => Promise<void>;
  /** Of connections; that of `limits.ts` unless given. */
  readonly patience?: Partial<SmtpPatience> | undefined;
}

/** Milliseconds between two looks at the queue, whatever the clock of this machine does meanwhile. */
const LONGEST_SLEEP = 60_000;

/** Sends what waits for one account, oldest first, over one connection at a time. */
export class AccountSender {
  readonly #options: AccountSenderOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #woken = false;
  /** The provider refused the login: more attempts before that time would lock the account. */
  #rest: { readonly until: number; readonly words: string } | undefined;
  #refusals = 0;
  /** Copies are filed beside what is sent; a provider that is slow with them holds no letter up. */
  #copying: Promise<void> | undefined;
  #copiesAt = 0;
  #copyFailures = 0;

  constructor(options: AccountSenderOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something new waits. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** What the provider refused may have been mended. */
  retry(): void {
    this.#rest = undefined;
    this.#refusals = 0;
    this.#copiesAt = 0;
    this.wake();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake?.();
    await this.#running;
    await this.#copying;
  }

  async #run(): Promise<void> {
    const { outbox, account, clock, logger } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#woken = false;
      try {
        await this.#tellAll();
        const due = outbox.due(account.id, clock.now());
        if (due.length > 0) await this.#attempt(due);
        this.#copyDue();
      } catch (error) {
        if (signal.aborted) return;
        logger("error", "sending by the old road failed", {
          cause: error instanceof Error ? (error.stack ?? "") : "",
        });
        await this.#sleep(LONGEST_SLEEP);
      }
      const next = outbox.nextAt(account.id);
      const wait = next === undefined ? LONGEST_SLEEP : Math.min(LONGEST_SLEEP, next - clock.now());
      if (!this.#woken && wait > 0) await this.#sleep(wait);
    }
  }

  #copyDue(): void {
    const { account, outbox, clock, fileCopies, logger } = this.#options;
    if (this.#copying !== undefined || clock.now() < this.#copiesAt || outbox.copiesDue(account.id).length === 0)
      return;
    const { signal } = this.#stopping;
    this.#copying = fileCopies(signal)
      .then(() => {
        this.#copyFailures = 0;
      })
      .catch((error: unknown) => {
        const delay = SEND_DELAYS[Math.min(this.#copyFailures++, SEND_DELAYS.length - 1)] ?? 0;
        this.#copiesAt = clock.now() + delay;
        if (!signal.aborted) logger("info", "a copy could not be filed at the provider", { code: errorCode(error) });
      })
      .finally(() => {
        this.#copying = undefined;
      });
  }

  async #attempt(due: readonly OutgoingLetter[]): Promise<void> {
    const { answers, clock } = this.#options;
    const rest = this.#rest;
    try {
      if (rest === undefined || clock.now() >= rest.until) await this.#sendAll(due);
      else await this.#allLater(due, { status: "4.7.0", words: rest.words }, rest.until);
    } finally {
      for (const { letter } of due) await answers.tell(letter, undefined);
    }
  }

  async #sendAll(letters: readonly OutgoingLetter[]): Promise<void> {
    const { account, login, outbox, clock, logger, onSizeLimit, patience } = this.#options;
    let session: SmtpSession | undefined;
    const unsent = [...letters];
    try {
      session = await SmtpSession.open({
        server: account.smtp,
        login,
        proxy: account.proxy,
        isolation: account.address,
        signal: this.#stopping.signal,
        ...(patience !== undefined && { patience }),
      });
      this.#rest = undefined;
      this.#refusals = 0;
      onSizeLimit(session.sizeLimit);
      for (let letter = unsent[0]; letter !== undefined; letter = unsent[0]) {
        const waiting = outbox
          .deliveries(letter.letter)
          .filter(({ state, nextAt }) => state === "waiting" && nextAt <= clock.now());
        if (waiting.length > 0) await this.#sendOne(session, letter, waiting);
        unsent.shift();
        // The others are due, and come with the next connection.
        if (!session.usable) break;
      }
    } catch (error) {
      this.#stopping.signal.throwIfAborted();
      if (!(error instanceof Failure)) throw error;
      logger("info", "a provider could not be sent to", { refused: error.code === "forbidden" });
      const words = wordsOf(error);
      if (error.code === "forbidden") await this.#allLater(unsent, { status: "4.7.0", words }, this.#restAfter(words));
      else await this.#allLater(unsent, { status: "4.4.1", words });
    } finally {
      session?.close();
    }
    await this.#tellAll();
  }

  /** Until when nothing is tried, after a refusal of the login. */
  #restAfter(words: string): number {
    const { clock, onRefused } = this.#options;
    const delay = REFUSED_DELAYS[Math.min(this.#refusals++, REFUSED_DELAYS.length - 1)] ?? 0;
    const until = clock.now() + delay;
    this.#rest = { until, words };
    if (this.#refusals === 1) onRefused(words);
    return until;
  }

  async #sendOne(session: SmtpSession, letter: OutgoingLetter, waiting: readonly LegacyDelivery[]): Promise<void> {
    const { db, outbox, answers } = this.#options;
    const envelope = {
      from: letter.sender,
      recipients: waiting.map(({ recipient }) => recipient),
      size: letter.size,
      eightBit: letter.eightBit,
    };
    const results = await session.send(envelope, outbox.content(letter.letter));
    const refusals = [...results.values()].filter((refusal) => refusal !== undefined);
    const [first] = refusals;
    const unwanted = refusals.length === waiting.length && refusals.every(({ temporary }) => !temporary);
    if (
      unwanted &&
      waiting.length === outbox.deliveries(letter.letter).length &&
      (await answers.tell(letter.letter, first))
    )
      return;
    await db.commit(() => {
      for (const delivery of waiting) {
        const refusal = results.get(delivery.recipient);
        if (refusal === undefined) outbox.setSent(delivery.id);
        else if (refusal.temporary) this.#later(letter, delivery, refusal);
        else outbox.setRefused(delivery.id, refusal);
      }
    });
  }

  async #allLater(
    letters: readonly OutgoingLetter[],
    refusal: Pick<Refusal, "status" | "words">,
    at?: number,
  ): Promise<void> {
    const { db, outbox } = this.#options;
    await db.commit(() => {
      for (const letter of letters)
        for (const delivery of outbox.deliveries(letter.letter))
          if (delivery.state === "waiting") this.#later(letter, delivery, refusal, at);
    });
  }

  /** Tries again later, at a certain time if it is given, or gives up what has waited for too long. */
  #later(
    letter: OutgoingLetter,
    delivery: LegacyDelivery,
    { status, words }: Pick<Refusal, "status" | "words">,
    at?: number,
  ): void {
    const { outbox, clock } = this.#options;
    const now = clock.now();
    if (now - letter.since >= SEND_LIMIT)
      return outbox.setRefused(delivery.id, {
        status: "5.4.7",
        words: `It was tried for five days. The last answer was: ${words}`,
      });
    const delay = SEND_DELAYS[Math.min(delivery.attempts, SEND_DELAYS.length - 1)] ?? 0;
    outbox.setLater(delivery.id, at ?? now + delay, { status, words });
  }

  /** Tells the sender what there is to be told of any letter; what was told is settled with it. */
  async #tellAll(): Promise<void> {
    const { outbox, account, report, clock } = this.#options;
    const server = account.smtp.host;
    for (const { letter, delivery } of outbox.list()) {
      if (letter.account !== account.id) continue;
      const { id, state, status = "4.0.0", words = "", delayTold } = delivery;
      const about = { letter, delivery, status, words, server };
      if (state === "refused") await report({ action: "failed", ...about }, () => outbox.settle(id));
      else if (state === "sent")
        await report({ action: "relayed", ...about, status: "2.0.0" }, () => outbox.settle(id));
      else if (!delayTold && clock.now() - letter.since >= DELAY_TOLD && delivery.attempts > 0)
        await report({ action: "delayed", ...about, retryUntil: letter.since + SEND_LIMIT }, () =>
          outbox.setDelayTold(id),
        );
    }
  }

  async #sleep(delay: number): Promise<void> {
    if (this.#stopping.signal.aborted || this.#woken) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await pause(delay, undefined, { signal: woken.signal, ref: false }).catch(() => undefined);
    this.#wake = undefined;
  }
}
