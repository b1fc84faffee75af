import type { Clock } from "../foundation/clock.ts";
import { Failure } from "../foundation/failure.ts";
import type { Logger } from "../foundation/logger.ts";
import { type StepResult, Worker } from "./worker.ts";

/** What is worked on: letters to a contact, an own queue, an invite or a blob under way. */
export type WorkKey =
  | `send ${string}`
  | `read ${number}`
  | `join ${string}`
  | `pair ${string}`
  | `introduction ${string}`
  | `upload ${string}`
  | `fetch ${number}`
  | "recovery record";

/** All workers of an overlay, one per key; they do nothing before the start and after the end. */
export class Workforce {
  readonly #options: { readonly clock: Clock; readonly logger: Logger; readonly jitter: () => number };
  readonly #workers = new Map<WorkKey, Worker>();
  #waiting: (() => void)[] = [];
  #state: "new" | "started" | "stopping" = "new";

  constructor(options: { readonly clock: Clock; readonly logger: Logger; readonly jitter: () => number }) {
    this.#options = options;
  }

  get started(): boolean {
    return this.#state === "started";
  }

  get stopping(): boolean {
    return this.#state === "stopping";
  }

  get busy(): boolean {
    for (const worker of this.#workers.values()) if (worker.busy) return true;
    return false;
  }

  /** False if that was done before, or the end has come. */
  start(): boolean {
    if (this.#state !== "new") return false;
    this.#state = "started";
    return true;
  }

  /** The worker for this key; it gets the step that `make` makes when it is asked for first. */
  worker(key: WorkKey, make: () => () => Promise<StepResult>): Worker {
    const found = this.#workers.get(key);
    if (found !== undefined) return found;
    const step = make();
    const worker = new Worker({
      ...this.#options,
      onRest: () => this.#rested(),
      step: () => this.#attempt(step),
    });
    this.#workers.set(key, worker);
    return worker;
  }

  dismiss(key: WorkKey): void {
    this.#workers.delete(key);
  }

  wakeAll(): void {
    for (const worker of this.#workers.values()) worker.wake();
  }

  /** Something changed for the better: ends all pauses. */
  hurryAll(): void {
    for (const worker of this.#workers.values()) worker.hurry();
  }

  /** Resolves when any worker has come to rest or to a pause, or all have stopped. */
  async rest(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Resolves when the steps that run are over; none begins any more. */
  async stop(): Promise<void> {
    this.#state = "stopping";
    await Promise.all(Array.from(this.#workers.values(), (worker) => worker.stop()));
    this.#rested();
  }

  async #attempt(step: () => Promise<StepResult>): Promise<StepResult> {
    if (this.#state !== "started") return "idle";
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#options.logger("info", "overlay-waits", { code: error.code });
      return "later";
    }
  }

  #rested(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
