import { type Clock, systemClock } from "../../foundation/clock.ts";
import { Failure } from "../../foundation/failure.ts";
import { type Logger, silentLogger } from "../../foundation/logger.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import type { Answer, Command, Push } from "../../relay/wire/frame.ts";
import type { Carrier } from "../carriers/carrier.ts";
import type { QueueReader, RelayClientOptions, Subscriber, Subscription } from "./relay-client.ts";
import { RelayConnection } from "./relay-connection.ts";
import { FIRST_PAUSE, IDLE_LIFETIME, LAST_PAUSE, RETRY_PAUSE } from "./relay-limits.ts";
import { RelaySubscription } from "./relay-subscription.ts";

/** Which way a link goes, and for what. */
export interface LinkPath {
  readonly carrier: Carrier;
  /** The queue or slot that the link is for alone; then it ends when it was idle for long. Undefined where it is for all. */
  readonly isolation: string | undefined;
  /** Told when the link ended because it was idle; it is not to be used any more. */
  readonly onIdle: () => void;
}

/** The way to one relay: at most one connection, opened when needed, and again after it broke while something is subscribed. */
export class RelayLink {
  readonly #relay: RelayAddress;
  readonly #options: RelayClientOptions;
  readonly #path: LinkPath;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  readonly #subscriptions = new Map<string, RelaySubscription>();
  /** Everybody awaits this one promise, so that requests leave in the order in which they were made. */
  #opening: Promise<RelayConnection> | undefined;
  /** Set while the relay is known to speak the protocol. */
  #ready: RelayConnection | undefined;
  #failures = 0;
  #lastFailure: { readonly at: number; readonly reason: unknown } | undefined;
  #cancelReconnect: (() => void) | undefined;
  #requests = 0;
  /** It is to stand whether it is used or not. */
  #held = false;
  #cancelIdle: (() => void) | undefined;

  constructor(relay: RelayAddress, options: RelayClientOptions, path: LinkPath) {
    this.#relay = relay;
    this.#options = options;
    this.#path = path;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  get connected(): boolean {
    return this.#ready !== undefined;
  }

  /** @throws Failure unavailable, or what the carrier says */
  async request(make: (exporter: Buffer) => Command): Promise<Answer> {
    this.#requests++;
    try {
      const connection = await this.#usable();
      return await connection.request(make);
    } finally {
      this.#requests--;
      this.#considerIdle();
    }
  }

  /** Lends the connection for requests that belong together; if it breaks, they begin anew. @throws Failure unavailable */
  async session<T>(work: (connection: RelayConnection) => Promise<T>): Promise<T> {
    this.#requests++;
    try {
      return await work(await this.#usable());
    } finally {
      this.#requests--;
      this.#considerIdle();
    }
  }

  subscribe(queue: QueueReader, subscriber: Subscriber): Subscription {
    const key = keyOf(queue.recipientId);
    this.#subscriptions.get(key)?.close();
    const subscription = new RelaySubscription(queue, subscriber, this.#clock, (ended) => {
      if (this.#subscriptions.get(key) === ended) this.#subscriptions.delete(key);
      this.#considerIdle();
    });
    this.#subscriptions.set(key, subscription);
    if (this.#ready !== undefined) subscription.attach(this.#ready);
    else if (this.#cancelReconnect === undefined) this.#connect().catch(() => undefined);
    return subscription;
  }

  /** From now on it is opened again whenever it breaks. */
  hold(): void {
    if (this.#held) return;
    this.#held = true;
    this.#connect().catch(() => undefined);
  }

  close(): void {
    this.#closing.abort(new Failure("unavailable", "the relay client is closed"));
    this.#cancelReconnect?.();
    this.#cancelIdle?.();
    for (const subscription of this.#subscriptions.values()) subscription.close();
    this.#opening?.then((connection) => connection.close()).catch(() => undefined);
    this.#ready?.close();
  }

  /** A circuit that serves one queue costs all its relays something; one that nobody uses goes. */
  #considerIdle(): void {
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
    if (this.#held || this.#path.isolation === undefined || this.#closing.signal.aborted) return;
    if (this.#requests > 0 || this.#subscriptions.size > 0) return;
    this.#cancelIdle = this.#clock.after(IDLE_LIFETIME, () => {
      if (this.#requests > 0 || this.#subscriptions.size > 0) return;
      this.close();
      this.#path.onIdle();
    });
  }

  async #usable(): Promise<RelayConnection> {
    const failed = this.#lastFailure;
    if (this.#opening === undefined && failed !== undefined && this.#clock.now() < failed.at + RETRY_PAUSE)
      throw failed.reason;
    return await this.#connect();
  }

  #connect(): Promise<RelayConnection> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<RelayConnection> {
    this.#cancelReconnect?.();
    this.#cancelReconnect = undefined;
    const { signal } = this.#closing;
    try {
      signal.throwIfAborted();
      const carried = await this.#path.carrier.open(this.#relay, { signal, isolation: this.#path.isolation });
      const connection: RelayConnection = new RelayConnection(carried, this.#clock, {
        onReady: () => this.#becomeReady(connection),
        onPush: (push) => this.#receive(push),
        onClose: (reason) => this.#fail(reason),
      });
      if (signal.aborted) connection.close();
      return connection;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  #becomeReady(connection: RelayConnection): void {
    this.#ready = connection;
    this.#failures = 0;
    this.#lastFailure = undefined;
    for (const subscription of this.#subscriptions.values()) subscription.attach(connection);
    this.#options.onConnection?.(this.#relay, true);
  }

  #receive(push: Push): void {
    const subscription = this.#subscriptions.get(keyOf(push.recipientId));
    if (push.kind === "message") subscription?.receive(push.seq, push.cell);
    else subscription?.end(push.reason);
  }

  #fail(reason: unknown): void {
    const wasReady = this.#ready !== undefined;
    this.#opening = undefined;
    this.#ready = undefined;
    for (const subscription of this.#subscriptions.values()) subscription.detach();
    if (this.#closing.signal.aborted) return;
    this.#lastFailure = { at: this.#clock.now(), reason };
    this.#logger("info", "relay connection lost", { code: reason instanceof Failure ? reason.code : "bug" });
    if (this.#subscriptions.size > 0 || this.#held) this.#reconnectLater();
    if (wasReady) this.#options.onConnection?.(this.#relay, false);
  }

  /** Half of the pause is random, so that the clients of a relay that went down do not all come back at one moment. */
  #reconnectLater(): void {
    const longest = Math.min(LAST_PAUSE, FIRST_PAUSE * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 30);
    const pause = longest * (0.5 + (this.#options.jitter ?? Math.random)() / 2);
    this.#cancelReconnect = this.#clock.after(pause, () => {
      this.#cancelReconnect = undefined;
      this.#connect().catch(() => undefined);
    });
  }
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString("latin1");
}
