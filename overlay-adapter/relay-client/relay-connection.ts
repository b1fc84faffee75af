import { randomBytes } from "node:crypto";
import { DecodeError } from "../../foundation/bytes.ts";
import type { Clock } from "../../foundation/clock.ts";
import { exponentialInterval } from "../../foundation/exponential.ts";
import { Failure } from "../../foundation/failure.ts";
import type { BlobData } from "../../relay/wire/blob.ts";
import { BlockSplitter } from "../../relay/wire/block.ts";
import { type Answer, type Command, type Push, toClient, toRelay } from "../../relay/wire/frame.ts";
import { PROTOCOL_VERSIONS } from "../../relay/wire/handshake.ts";
import type { CarrierStream } from "../carriers/carrier.ts";
import { MAX_UNANSWERED, PING_INTERVAL } from "./relay-limits.ts";

export interface RelayConnectionEvents {
  /** The relay speaks this protocol: requests go out from now on. */
  onReady(): void;
  onPush(push: Push): void;
  /** Once, after all requests under way were rejected. */
  onClose(reason: Failure): void;
}

interface Request {
  /** Makes the command when its turn comes, so that what waits is not kept twice. */
  readonly make: (exporter: Buffer) => Command;
  readonly settle: (answer: Answer) => void;
  readonly onPart: ((part: BlobData) => void) | undefined;
  readonly reject: (reason: Failure) => void;
}

interface Unanswered extends Request {
  readonly sentAt: number;
}

/** One connection to a relay, from its list of versions to its end: requests and their answers, pushes, pings. */
export class RelayConnection {
  readonly #carried: CarrierStream;
  readonly #clock: Clock;
  readonly #events: RelayConnectionEvents;
  readonly #splitter = new BlockSplitter();
  /** In the order in which they were sent. */
  readonly #unanswered = new Map<number, Unanswered>();
  readonly #waiting = new Queue<Request>();
  #lastCorrelation = 0;
  #greeted = false;
  #version = 0;
  #drained: (() => void)[] = [];
  #corked = false;
  #closed: Failure | undefined;
  #lastSent: number;
  #cancelWatch: () => void = () => undefined;
  #cancelDummy: () => void = () => undefined;

  constructor(carried: CarrierStream, clock: Clock, events: RelayConnectionEvents) {
    this.#carried = carried;
    this.#clock = clock;
    this.#events = events;
    this.#lastSent = clock.now();
    carried.stream.on("data", (piece: Buffer) => this.#receive(piece));
    carried.stream.on("drain", () => this.#drain());
    carried.stream.on("error", (error) => this.#fail("the connection to the relay broke", error));
    carried.stream.on("close", () => this.#fail("the connection to the relay broke"));
    this.#watch();
  }

  /**
   * Requests go out in the order of the calls. `atOnce` is called with the answer before anything that the relay sent
   * after it is looked at, which a promise cannot do; `onPart` with what comes before it.
   * @throws Failure("unavailable") where the connection ends before the answer
   */
  request(
    make: (exporter: Buffer) => Command,
    atOnce?: (answer: Answer) => void,
    onPart?: (part: BlobData) => void,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) return reject(this.#closed);
      const settle = (answer: Answer): void => {
        atOnce?.(answer);
        resolve(answer);
      };
      this.#waiting.push({ make, settle, reject, onPart });
      this.#sendWaiting();
    });
  }

  /** For commands without an answer; they overtake requests that still wait for their turn. */
  tell(command: Command): void {
    if (this.#closed === undefined && this.#greeted) this.#write(toRelay.encode(0, command));
  }

  /** Which version of the protocol is spoken; 0 before that is known. */
  get version(): number {
    return this.#version;
  }

  /** Resolves when what was told has mostly left, or never will. */
  async drained(): Promise<void> {
    if (this.#closed === undefined && this.#carried.stream.writableNeedDrain)
      await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  close(): void {
    this.#fail("the connection to the relay was closed");
  }

  #sendWaiting(): void {
    while (this.#greeted && this.#closed === undefined && this.#unanswered.size < MAX_UNANSWERED) {
      const request = this.#waiting.shift();
      if (request === undefined) return;
      this.#lastCorrelation = (this.#lastCorrelation % 0xffffffff) + 1;
      try {
        const block = toRelay.encode(this.#lastCorrelation, request.make(this.#carried.exporter()));
        this.#unanswered.set(this.#lastCorrelation, { ...request, sentAt: this.#clock.now() });
        this.#write(block);
      } catch (error) {
        request.reject(error as Failure);
      }
    }
  }

  #receive(piece: Buffer): void {
    try {
      for (const block of this.#splitter.push(piece)) {
        if (this.#closed !== undefined) return;
        const { correlation, message } = toClient.decode(block);
        if (message.kind === "versions") this.#greet(message.versions);
        else if (message.kind === "filler") this.#filled();
        else if (message.kind === "carried") this.#fail("the relay sent what was not asked for");
        else if (message.kind === "message" || message.kind === "ended") this.#events.onPush(message);
        else if (message.kind === "blob-data") this.#takePart(correlation, message);
        else if (message.kind === "done") for (const one of message.correlations) this.#settle(one, { kind: "ok" });
        else this.#settle(correlation, message);
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#fail("the relay sent what is not of the protocol", error);
    }
    this.#sendWaiting();
  }

  #greet(versions: readonly number[]): void {
    if (this.#greeted) return this.#fail("the relay sent what is not of the protocol");
    const version = Math.max(0, ...PROTOCOL_VERSIONS.filter((one) => versions.includes(one)));
    if (version === 0)
      return this.#fail(
        "the relay speaks other versions of the protocol: update this program, or ask the relay's operator to",
      );
    this.#greeted = true;
    this.#version = version;
    this.#write(toRelay.encode(0, { kind: "hello", version }));
    const { dummyInterval } = this.#carried.properties;
    if (dummyInterval !== undefined) {
      this.tell({ kind: "cover", mean: Math.ceil(dummyInterval / 1_000) });
      this.#dummyLater(dummyInterval);
    }
    this.#events.onReady();
  }

  #settle(correlation: number, answer: Answer): void {
    const request = this.#unanswered.get(correlation);
    if (request === undefined) return this.#fail("the relay answered what was not asked");
    this.#unanswered.delete(correlation);
    request.settle(answer);
  }

  #takePart(correlation: number, part: BlobData): void {
    const onPart = this.#unanswered.get(correlation)?.onPart;
    if (onPart === undefined) return this.#fail("the relay sent what was not asked for");
    onPart(part);
  }

  #drain(): void {
    const waiting = this.#drained;
    this.#drained = [];
    for (const resolve of waiting) resolve();
  }

  /** Looks like a letter that goes out: one block up, and one down. */
  #dummyLater(mean: number): void {
    this.#cancelDummy = this.#clock.after(exponentialInterval(mean, randomBytes(4)), () => {
      this.#ping();
      this.#dummyLater(mean);
    });
  }

  /** A dummy from the relay; answered as the acknowledgement of a letter would be. In scheduled mode it is one itself. */
  #filled(): void {
    if (this.#carried.properties.dummyInterval !== undefined) this.#ping();
  }

  #ping(): void {
    this.request(() => ({ kind: "ping" })).catch(() => undefined);
  }

  /** Blocks of one turn leave in one write. */
  #write(block: Buffer): void {
    const { stream } = this.#carried;
    this.#lastSent = this.#clock.now();
    if (!this.#corked) {
      this.#corked = true;
      stream.cork();
      process.nextTick(() => {
        this.#corked = false;
        stream.uncork();
      });
    }
    stream.write(block);
  }

  /** Pings when nothing was sent for long, and gives the connection up when an answer is overdue. */
  #watch(): void {
    const { maxLatency, scheduled } = this.#carried.properties;
    const now = this.#clock.now();
    const [oldest] = this.#unanswered.values();
    if (oldest !== undefined && oldest.sentAt + maxLatency <= now) return this.#fail("the relay does not answer");
    if (!this.#greeted && this.#lastSent + maxLatency <= now) return this.#fail("the relay does not answer");
    if (this.#greeted && !scheduled && this.#lastSent + PING_INTERVAL <= now) this.#ping();
    this.#cancelWatch = this.#clock.after(Math.min(maxLatency, PING_INTERVAL) / 4, () => this.#watch());
  }

  #fail(why: string, cause?: unknown): void {
    if (this.#closed !== undefined) return;
    const reason = new Failure("unavailable", why, { cause });
    this.#closed = reason;
    this.#cancelWatch();
    this.#cancelDummy();
    this.#drain();
    this.#carried.stream.destroy();
    for (const request of this.#unanswered.values()) request.reject(reason);
    this.#unanswered.clear();
    for (let request = this.#waiting.shift(); request !== undefined; request = this.#waiting.shift())
      request.reject(reason);
    this.#events.onClose(reason);
  }
}

/** First in, first out, in constant time for however many. */
class Queue<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head++] = undefined;
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
