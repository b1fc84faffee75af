import type { AddressLabel } from "../foundation/address.ts";
import type { Clock } from "../foundation/clock.ts";
import type { Database } from "../foundation/database.ts";
import type { Logger } from "../foundation/logger.ts";
import type { OverlayEvent, WaitReason } from "./events.ts";
import type { LetterProgress, Progress } from "./letters/letter-progress.ts";
import type { MissingLetters } from "./letters/missing-letters.ts";
import type { Outbox } from "./letters/outbox.ts";
import { UntoldEvents } from "./untold-events.ts";

export interface TellingOptions {
  readonly db: Database;
  readonly outbox: Outbox;
  readonly progress: LetterProgress;
  readonly missing: MissingLetters;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onEvent: ((event: OverlayEvent) => void) | undefined;
  /** Why letters to the contact wait. */
  readonly waitsFor: (label: AddressLabel) => WaitReason | undefined;
}

/** What the overlay tells the bridge, and tells again until that is settled. */
export class Telling {
  readonly #o: TellingOptions;
  readonly #untold: UntoldEvents;
  /** Progress that was told since the start and is not settled yet. */
  readonly #told = new Set<string>();

  constructor(options: TellingOptions) {
    this.#o = options;
    this.#untold = new UntoldEvents(options.db, (event) => this.emit(event));
  }

  /** At once, and not again. */
  emit(event: OverlayEvent): void {
    try {
      this.#o.onEvent?.(event);
    } catch (error) {
      this.#o.logger("error", "event-listener-failed", { cause: String(error) });
    }
  }

  /** Once it is durable; one that must not get lost joins the caller's transaction, or has one of its own. */
  tell(event: OverlayEvent): void {
    this.#untold.tell(event);
  }

  /** At the start: what was not settled before the end. */
  tellAgain(): void {
    this.#untold.tellAgain();
    for (const { letter, label, reason } of this.#o.outbox.untold())
      this.emit({ kind: "failed", letter, to: label, reason });
  }

  tellProgress(): void {
    for (const { letter, label, kind, at } of this.#o.progress.untold()) {
      const key = progressKey(letter, label, kind);
      if (this.#told.has(key)) continue;
      this.#told.add(key);
      const reason = kind === "delayed" ? this.#o.waitsFor(label) : undefined;
      this.emit({ kind: "progress", letter, to: label, progress: kind, at, ...(reason && { reason }) });
    }
  }

  tellGaps(): void {
    for (const gap of this.#o.missing.untold(this.#o.clock.now())) this.emit({ kind: "gap", ...gap });
  }

  /** As Overlay.settle. */
  settle(event: OverlayEvent): void {
    this.#untold.settle(event);
  }

  /** As Overlay.settleProgress. */
  settleProgress(letter: Uint8Array, to: AddressLabel, progress: Progress): void {
    this.#o.progress.setTold(letter, to, progress);
    this.#told.delete(progressKey(letter, to, progress));
  }
}

function progressKey(letter: Uint8Array, to: AddressLabel, progress: Progress): string {
  return `${Buffer.from(letter).toString("hex")} ${to} ${progress}`;
}
