import { randomBytes } from "node:crypto";
import { Duplex } from "node:stream";
import type { Clock } from "../../foundation/clock.ts";
import { exponentialInterval } from "../../foundation/exponential.ts";
import { BLOCK_SIZE } from "../../relay/wire/block.ts";
import { toRelay } from "../../relay/wire/frame.ts";
import { MAX_UNANSWERED } from "../relay-client/relay-limits.ts";
import type { Carrier, CarrierProperties } from "./carrier.ts";

export interface CoverOptions {
  /** Milliseconds between blocks on average. */
  readonly mean: number;
  readonly clock: Clock;
  readonly random?: (length: number) => Buffer;
}

/**
 * Scheduled mode: one block up and one block down at exponential intervals, real ones in the place of dummies, as long as
 * the connection stands. Whoever watches it sees the same whatever is sent or received. Letters take their time.
 */
export function scheduledCarrier(carrier: Carrier, options: CoverOptions): Carrier {
  const properties: CarrierProperties = {
    ...carrier.properties,
    // Whatever waits for its turn waits for that of all before it, on both ends.
    maxLatency: carrier.properties.maxLatency + options.mean * MAX_UNANSWERED * 4,
    scheduled: true,
  };
  return {
    properties,
    async open(relay, opening) {
      const carried = await carrier.open(relay, opening);
      const stream = new ScheduledStream(carried.stream, carrier.properties.maxLatency, options);
      return { ...carried, stream, properties };
    },
  };
}

/** Instant mode: blocks go when there is something to say, and dummies now and then in both directions. */
export function dummiesCarrier(carrier: Carrier, { mean }: Pick<CoverOptions, "mean">): Carrier {
  const properties: CarrierProperties = { ...carrier.properties, dummyInterval: mean };
  return {
    properties,
    open: async (relay, opening) => ({ ...(await carrier.open(relay, opening)), properties }),
  };
}

/** Takes blocks as they are written, and lets one go at each tick of a random clock. */
class ScheduledStream extends Duplex {
  readonly #inner: Duplex;
  readonly #patience: number;
  readonly #options: CoverOptions;
  readonly #waiting: Buffer[] = [];
  #began = false;
  /** Octets that the relay still owes for what went up. */
  #owed = 0;
  #owedSince = 0;
  #cancel: () => void = () => undefined;

  /** `patience`: milliseconds within which the relay answers a block with a block. */
  constructor(inner: Duplex, patience: number, options: CoverOptions) {
    super();
    this.#inner = inner;
    this.#patience = patience;
    this.#options = options;
    inner.on("data", (piece: Buffer) => {
      this.#owed = Math.max(0, this.#owed - piece.length);
      if (!this.push(piece)) inner.pause();
    });
    inner.on("error", (error) => this.destroy(error));
    inner.once("close", () => this.destroy());
  }

  override _read(): void {
    this.#inner.resume();
  }

  /** The first block is the HELLO, which goes at once with what asks the relay to keep pace. */
  override _write(block: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#began) this.#waiting.push(block);
    else {
      this.#began = true;
      this.#inner.write(Buffer.concat([block, toRelay.encode(0, { kind: "pace" })]));
      this.#tickLater();
    }
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#cancel();
    this.#inner.destroy();
    done(error);
  }

  #tickLater(): void {
    const { clock, mean, random = randomBytes } = this.#options;
    // Drawn before anything of the next block is known.
    this.#cancel = clock.after(exponentialInterval(mean, random(4)), () => this.#tick());
  }

  #tick(): void {
    const now = this.#options.clock.now();
    if (this.#owed > 0 && now - this.#owedSince > this.#patience) {
      this.destroy(new Error("the relay does not keep pace"));
      return;
    }
    if (this.#owed === 0) this.#owedSince = now;
    this.#owed += BLOCK_SIZE;
    this.#inner.write(this.#waiting.shift() ?? toRelay.encode(0, { kind: "pace" }));
    this.#tickLater();
  }
}
