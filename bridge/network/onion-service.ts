import type { Clock } from "../../foundation/clock.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Logger } from "../../foundation/logger.ts";
import { formatHostPort, type HostPort } from "../host-port.ts";
import type { OnionKey } from "./onion-key.ts";
import { TorControl } from "./tor-control.ts";

/** The port under which every onion service of a bridge is known: it cannot collide with anything. */
export const ONION_PORT = 4523;

/** Pause before Tor is asked again, in milliseconds: it may be starting. */
const RETRY_PAUSE = 10_000;

export interface OnionServiceOptions {
  readonly control: HostPort;
  readonly key: OnionKey;
  /** Where the relay listens, on this machine. */
  readonly target: HostPort;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps an onion service up as long as it runs: Tor forgets it when the control connection ends, or we do. */
export class OnionService {
  readonly #options: OnionServiceOptions;
  #control: TorControl | undefined;
  #stopped = false;
  #wake: () => void = () => undefined;
  readonly #running: Promise<void>;

  constructor(options: OnionServiceOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Tor has taken the service; its descriptor is on the network within about a minute. */
  get published(): boolean {
    return this.#control !== undefined;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#control?.close();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { logger } = this.#options;
    while (!this.#stopped) {
      try {
        await this.#serve();
      } catch (error) {
        if (!(error instanceof Failure)) logger("error", "onion service failed", { cause: String(error) });
        else logger("warn", "onion service is not up", { reason: error.message });
      }
      if (!this.#stopped) await this.#pause();
    }
  }

  /** Until the control connection ends. */
  async #serve(): Promise<void> {
    const { control: place, key, target, logger } = this.#options;
    const control = await TorControl.open(place);
    try {
      if (this.#stopped) return;
      // Without Detach, the service ends with this connection; with DiscardPK, Tor does not send the key back.
      await control.request(
        `ADD_ONION ED25519-V3:${key.blob} Flags=DiscardPK Port=${ONION_PORT},${formatHostPort(target)}`,
      );
      this.#control = control;
      logger("info", "onion service is up");
      if (this.#stopped) return;
      await control.closed;
      logger("warn", "onion service ended with Tor's control connection");
    } finally {
      this.#control = undefined;
      control.close();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(RETRY_PAUSE, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
