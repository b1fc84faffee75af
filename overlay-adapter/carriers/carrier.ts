import type { Duplex } from "node:stream";
import type { RelayAddress } from "../../relay/relay-url.ts";

/** What a way of carrying bytes can do; retries and waits follow from it. */
export interface CarrierProperties {
  /** Answers come back on the same stream. */
  readonly duplex: boolean;
  /** Milliseconds after which an answer that has not come is given up. */
  readonly maxLatency: number;
  /** The relay does not learn this machine's network address. */
  readonly hidesIp: boolean;
  /** Streams of different isolation share no path, so that neither the relay nor who is between can tell that they belong together. */
  readonly isolates: boolean;
  /** Blocks go at random times, dummies where there is nothing to say: connections stand all the time, and need no pings. */
  readonly scheduled?: boolean;
  /** Milliseconds between dummies on average, in either direction; none where absent. */
  readonly dummyInterval?: number;
}

/** A byte stream to a relay that has proved to hold the pinned key. */
export interface CarrierStream {
  readonly stream: Duplex;
  readonly properties: CarrierProperties;
  /** 32 bytes that only the two ends of this very stream know; signatures over them are worthless on any other stream. */
  exporter(): Buffer;
}

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
  /** What the stream is for, a queue for instance, as any text; only a carrier that isolates looks at it. */
  readonly isolation?: string | undefined;
}

/** One way to reach relays. */
export interface Carrier {
  readonly properties: CarrierProperties;
  /**
   * Connects and checks the relay's pinned key before a byte is sent.
   * @throws Failure("unavailable") where the relay cannot be reached now; Failure("forbidden") where somebody else answers
   */
  open(relay: RelayAddress, options?: OpenOptions): Promise<CarrierStream>;
}
