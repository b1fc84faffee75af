import type { AddressLabel } from "../../foundation/address.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import { NO_RECEIPT } from "../letters/letter-header.ts";
import type { Outbox } from "../letters/outbox.ts";
import { controlLetter } from "../letters/prepared-letter.ts";
import { RETRY_LONGEST } from "../limits.ts";
import { encodeControl } from "../sessions/control.ts";
import type { ReceiptsDue } from "./receipts-due.ts";

export interface ReceiptSenderOptions {
  readonly db: Database;
  readonly contacts: Contacts;
  readonly outbox: Outbox;
  readonly due: ReceiptsDue;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: (length: number) => Buffer;
  readonly wakeSender: (label: AddressLabel) => void;
}

/** Writes the receipts that are due into letters, when their time has come. */
export class ReceiptSender {
  readonly #o: ReceiptSenderOptions;
  #timer: { readonly at: number; readonly cancel: () => void } | undefined;
  #state: "new" | "started" | "stopped" = "new";

  constructor(options: ReceiptSenderOptions) {
    this.#o = options;
  }

  start(): void {
    if (this.#state === "new") this.#state = "started";
    this.wake();
  }

  stop(): void {
    this.#state = "stopped";
    this.#timer?.cancel();
  }

  /** True while receipts are late. */
  get busy(): boolean {
    const next = this.#o.due.next();
    return next !== undefined && next <= this.#o.clock.now();
  }

  /** Receipts may be due earlier than those before: then, if that is known. */
  wake(at = this.#o.due.next()): void {
    if (this.#state !== "started") return;
    const { clock } = this.#o;
    if (at === undefined || (this.#timer !== undefined && this.#timer.at <= at)) return;
    this.#timer?.cancel();
    // Not at once: what is stored in the same moment shares the letter. Not for days: the clock may be set.
    const delay = Math.min(Math.max(at - clock.now(), 0), RETRY_LONGEST);
    this.#timer = { at, cancel: clock.after(delay, () => this.#send()) };
  }

  #send(): void {
    this.#timer = undefined;
    if (this.#state !== "started") return;
    const { db, due, clock, wakeSender } = this.#o;
    try {
      const labels = db.transaction(() => {
        const now = clock.now();
        const labels = due.labels(now);
        for (const label of labels) this.#write(label, now);
        return labels;
      });
      for (const label of labels) wakeSender(label);
    } catch (error) {
      this.#o.logger("error", "receipts-not-sent", { cause: String(error) });
      this.#timer = { at: 0, cancel: clock.after(RETRY_LONGEST, () => this.#send()) };
      return;
    }
    this.wake();
  }

  #write(label: AddressLabel, now: number): void {
    const { contacts, outbox, due, random } = this.#o;
    const state = contacts.byLabel(label)?.state;
    const receipts = due.take(label, now);
    if (receipts.length === 0 || state === undefined || state === "frozen" || state === "revoked") return;
    const content = encodeControl({ kind: due.kind, receipts });
    outbox.add(controlLetter(content, random, NO_RECEIPT), [label], now);
  }
}
