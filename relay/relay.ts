import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../foundation/clock.ts";
import { type Logger, silentLogger } from "../foundation/logger.ts";
import { lockForProcess } from "../foundation/process-lock.ts";
import type { RelayState } from "./command/context.ts";
import type { ClientStream } from "./connection.ts";
import { Counters } from "./counters.ts";
import { CreationRates } from "./creation-rates.ts";
import { Doorkeeper } from "./doorkeeper.ts";
import { Forwarder, type ForwardPolicy } from "./forwarder.ts";
import { DEFAULT_LIMITS, type RelayLimits } from "./limits.ts";
import { LivedTime } from "./lived-time.ts";
import { Readers } from "./readers.ts";
import { loadRelayKeys } from "./relay-keys.ts";
import { formatRelayUrl, type RelayAddress } from "./relay-url.ts";
import { listen } from "./server.ts";
import { openSqliteStore } from "./sqlite/store.ts";
import { LATE_SWEEP, startSweeps } from "./sweeps.ts";
import { admitOwnToken } from "./tokens.ts";

export interface RelayOptions {
  /** Made with mode 0700 if it is not there; holds key, token and database, and serves one relay at a time. */
  readonly directory: string;
  /** The address to listen on. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** The host by which clients reach the relay, where that is not the address it listens on. */
  readonly publicHost?: string;
  /** Whether strangers are led to other relays through this one; `none` unless given. */
  readonly forward?: ForwardPolicy;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly limits?: Partial<RelayLimits>;
}

export interface RelayCounts {
  readonly connections: number;
  /** Queues that a connection reads just now. */
  readonly readers: number;
  readonly queues: number;
  readonly cells: number;
  readonly slots: number;
  readonly blobs: number;
  /** Of all cells, those in slots too, and of blobs. */
  readonly octets: number;
}

export interface Relay {
  /** With the relay's own token, unless that was revoked: whoever has it may create queues. */
  readonly url: string;
  readonly address: RelayAddress;
  readonly port: number;
  counts(): RelayCounts;
  /** A connection from within this process. @throws Failure unavailable where the relay is full */
  open(): ClientStream;
  /** What happened since the start. */
  readonly counters: Counters;
  /** Disconnects all clients; what was answered is on the disk. */
  stop(): Promise<void>;
}

/**
 * Starts a relay.
 * @throws Failure busy (directory or port in use), forbidden or invalid (it cannot listen there), damaged, full
 */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const { directory, clock = systemClock, logger = silentLogger } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const unlock = lockForProcess(
    join(directory, "lock.db"),
    `another relay is running in ${directory}: stop it first, or give this one its own directory`,
  );
  try {
    const keys = await loadRelayKeys(directory);
    const store = openSqliteStore(directory, limits);
    try {
      const admitted = await admitOwnToken(store.tokens, keys.token, clock.now());
      const time = new LivedTime(clock, limits.sweepInterval * LATE_SWEEP, await store.livedTime());
      const readers = new Readers();
      store.queues.watch((arrival) => readers.arrived(arrival));
      const counters = new Counters();
      const creations = new CreationRates(limits.creationsPerHour);
      const state: RelayState = { store, readers, limits, clock, time, counters, creations };
      const doorkeeper = new Doorkeeper(limits, clock, counters);
      const forwarder = new Forwarder(options.forward ?? "none", limits, counters);
      const server = await listen({
        state,
        keys,
        doorkeeper,
        forwarder,
        logger,
        host: options.host,
        port: options.port,
      });
      const { port, connections } = server;
      const sweeps = startSweeps(state, connections, doorkeeper, logger);
      const host = options.publicHost ?? options.host;
      const address = { host, port, pin: keys.pin, ...(admitted && { token: keys.token }) };
      const stored = () => ({
        ...store.queues.counts(),
        ...store.slots.counts(),
        ...store.blobs.counts(),
        octets: store.octets(),
      });
      logger("info", "relay started", { port, ...stored() });
      return {
        url: formatRelayUrl(address),
        address,
        port,
        counters,
        open: () => server.open(),
        counts: () => ({ connections: connections.size, readers: readers.size, ...stored() }),
        async stop() {
          await Promise.all([server.stop(), sweeps.stop()]);
          store.close();
          unlock();
          logger("info", "relay stopped");
        },
      };
    } catch (error) {
      store.close();
      throw error;
    }
  } catch (error) {
    unlock();
    throw error;
  }
}
