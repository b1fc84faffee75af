import type { Clock } from "../foundation/clock.ts";
import type { Logger } from "../foundation/logger.ts";
import { RETRY_FIRST, RETRY_LONGEST } from "./limits.ts";

/** `idle`: nothing to do until woken; `again`: there may be more; `later`: after a pause, which grows each time in a row. */
export type StepResult = "idle" | "again" | "later";

export interface WorkerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 up to 1. */
  readonly jitter: () => number;
  readonly step: () => Promise<StepResult>;
  /** Told whenever it comes to rest or to a pause. */
  readonly onRest?: () => void;
}

/** Repeats one step as long as there is work: never two at a time, with growing pauses while it does not succeed. */
export class Worker {
  readonly #options: WorkerOptions;
  #running: Promise<void> | undefined;
  #woken = false;
  #stopped = false;
  #failures = 0;
  #endPause: (() => void) | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** True while a step runs or a pause lasts. */
  get busy(): boolean {
    return this.#running !== undefined || this.#endPause !== undefined;
  }

  /** There may be work. A pause is not cut short. */
  wake(): void {
    if (this.#stopped || this.#endPause !== undefined) return;
    this.#woken = true;
    this.#running ??= this.#run();
  }

  /** Something changed for the better: ends a pause, and the next one is short again. */
  hurry(): void {
    this.#failures = 0;
    this.#cancelPause();
    this.wake();
  }

  /** Resolves when the step that runs is over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelPause();
    await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#woken && !this.#stopped) {
      this.#woken = false;
      let result: StepResult;
      try {
        result = await this.#options.step();
      } catch (error) {
        if (this.#stopped) break;
        this.#options.logger("error", "overlay-step-failed", { cause: String(error) });
        result = "later";
      }
      if (result === "later") {
        this.#pause();
        break;
      }
      this.#failures = 0;
      if (result === "again") this.#woken = true;
    }
    this.#running = undefined;
    if (!this.#stopped) this.#options.onRest?.();
  }

  #pause(): void {
    if (this.#stopped) return;
    const longest = Math.min(RETRY_FIRST * 2 ** Math.min(this.#failures++, 20), RETRY_LONGEST);
    const delay = longest * (0.5 + this.#options.jitter() / 2);
    const cancel = this.#options.clock.after(delay, () => {
      this.#endPause = undefined;
      this.wake();
    });
    this.#endPause = cancel;
  }

  #cancelPause(): void {
    this.#endPause?.();
    this.#endPause = undefined;
  }
}
