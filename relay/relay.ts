import { mkdir } from "node:fs/promises";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { type Clock, systemClock } from "../foundation/clock.ts";
import { Failure } from "../foundation/failure.ts";
import { type Logger, silentLogger } from "../foundation/logger.ts";
import { lockForProcess } from "../foundation/process-lock.ts";
import type { RelayState } from "./command/context.ts";
import { Connection } from "./connection.ts";
import { DEFAULT_LIMITS, type RelayLimits } from "./limits.ts";
import { LivedTime } from "./lived-time.ts";
import { Readers } from "./readers.ts";
import { loadRelayKeys, type RelayKeys } from "./relay-keys.ts";
import { formatRelayUrl, type RelayAddress } from "./relay-url.ts";
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
  /** Of all cells, those in slots too. */
  readonly octets: number;
}

export interface Relay {
  /** With the relay's own token, unless that was revoked: whoever has it may create queues. */
  readonly url: string;
  readonly address: RelayAddress;
  readonly port: number;
  counts(): RelayCounts;
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
      const state: RelayState = { store, readers, limits, clock, time };
      const connections = new Set<Connection>();
      const sockets = new Set<Socket>();
      const server = serve(state, keys, connections, logger);
      server.on("connection", (socket: Socket) => {
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
      });
      const port = await listen(server, options.host, options.port);
      const sweeps = startSweeps(state, connections, logger);
      const host = options.publicHost ?? options.host;
      const address = { host, port, pin: keys.pin, ...(admitted && { token: keys.token }) };
      const stored = () => ({ ...store.queues.counts(), ...store.slots.counts(), octets: store.octets() });
      logger("info", "relay started", { port, ...stored() });
      return {
        url: formatRelayUrl(address),
        address,
        port,
        counts: () => ({ connections: connections.size, readers: readers.size, ...stored() }),
        async stop() {
          const closed = new Promise<void>((resolve) => server.close(() => resolve()));
          for (const connection of connections) connection.destroy();
          for (const socket of sockets) socket.destroy();
          await Promise.all([closed, sweeps.stop()]);
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

function serve(state: RelayState, keys: RelayKeys, connections: Set<Connection>, logger: Logger): Server {
  const server = createServer({
    key: keys.privateKey,
    cert: keys.certificate,
    minVersion: "TLSv1.3",
    handshakeTimeout: state.limits.handshakeTimeout,
  });
  server.maxConnections = state.limits.connections;
  server.on("secureConnection", (socket) => {
    connections.add(new Connection(socket, state, logger, (connection) => connections.delete(connection)));
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.on("drop", () => logger("warn", "relay refused a connection", { limit: state.limits.connections }));
  return server;
}

/** The port that it got. */
function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenFailure(error, host, port)));
    server.listen(port, host, () => {
      server.removeAllListeners("error");
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function listenFailure(error: NodeJS.ErrnoException, host: string, port: number): unknown {
  const cause = { cause: error };
  if (error.code === "EADDRINUSE")
    return new Failure(
      "busy",
      `port ${port} of ${host} is taken by another program: choose another port for the relay`,
      cause,
    );
  if (error.code === "EACCES")
    return new Failure(
      "forbidden",
      `this user may not listen on port ${port}: choose one above 1023 for the relay`,
      cause,
    );
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND")
    return new Failure("invalid", `${host} is not an address of this machine: the relay cannot listen on it`, cause);
  return error;
}
