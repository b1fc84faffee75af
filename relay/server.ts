import { randomBytes } from "node:crypto";
import type { AddressInfo, Socket } from "node:net";
import { type Duplex, duplexPair } from "node:stream";
import { createSecureContext, createServer, type Server, TLSSocket } from "node:tls";
import { Failure } from "../foundation/failure.ts";
import type { Logger } from "../foundation/logger.ts";
import type { RelayState, Routes } from "./command/context.ts";
import { type ClientStream, Connection } from "./connection.ts";
import { type Doorkeeper, type Guest, sourceOf } from "./doorkeeper.ts";
import type { Forwarder } from "./forwarder.ts";
import type { RelayKeys } from "./relay-keys.ts";
import { EXPORTER_LABEL, EXPORTER_SIZE } from "./wire/size.ts";

export interface ServerOptions {
  readonly state: RelayState;
  readonly keys: RelayKeys;
  readonly doorkeeper: Doorkeeper;
  readonly forwarder: Forwarder;
  readonly logger: Logger;
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
}

export interface RelayServer {
  readonly port: number;
  /** Those whose TLS handshake is done. */
  readonly connections: ReadonlySet<Connection>;
  /** A connection from within this process, where TLS has nobody to keep out. @throws Failure unavailable where the relay is full */
  open(): ClientStream;
  /** Ends all connections. */
  stop(): Promise<void>;
}

/** Octets that wait on either side of a connection within the process before its writer is told to wait. */
const PIPE = 65_536;

/** Accepts connections that the doorkeeper lets in. @throws Failure busy, forbidden or invalid where it cannot listen */
export async function listen({
  state,
  keys,
  doorkeeper,
  forwarder,
  logger,
  host,
  port,
}: ServerOptions): Promise<RelayServer> {
  const connections = new Set<Connection>();
  const guests = new Map<string, { readonly guest: Guest; readonly socket: Socket }>();
  const server = createServer({
    key: keys.privateKey,
    cert: keys.certificate,
    minVersion: "TLSv1.3",
    handshakeTimeout: state.limits.handshakeTimeout,
  });
  server.on("connection", (socket: Socket) => {
    const guest = doorkeeper.admit(socket.remoteAddress ?? "", () => socket.destroy());
    if (guest === undefined) return void socket.destroy();
    const name = peerOf(socket);
    guests.set(name, { guest, socket });
    socket.once("close", () => {
      guests.delete(name);
      guest.leave();
    });
  });
  const onClose = (connection: Connection): void => void connections.delete(connection);
  const secureContext = createSecureContext({ key: keys.privateKey, cert: keys.certificate, minVersion: "TLSv1.3" });
  /** Somebody whom an entry relay does not name has a connection within that one's. It counts as the entry relay's guest. */
  const accept = (stream: Duplex, guest: Guest): void => {
    const socket = new TLSSocket(stream, { isServer: true, secureContext });
    const late = setTimeout(() => socket.destroy(), state.limits.handshakeTimeout).unref();
    socket.once("close", () => {
      clearTimeout(late);
      stream.destroy();
    });
    stream.once("close", () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.once("secure", () => {
      clearTimeout(late);
      connections.add(new Connection(secured(socket), state, { guest, logger, onClose }));
    });
  };
  server.on("secureConnection", (socket) => {
    const guest = guests.get(peerOf(socket))?.guest;
    if (guest === undefined) return void socket.destroy();
    const source = sourceOf(socket.remoteAddress ?? "");
    const routes: Routes = {
      forward: (command) => forwarder.open(command, source),
      accept: (stream) => accept(stream, guest),
    };
    connections.add(new Connection(secured(socket), state, { guest, logger, onClose, routes }));
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  const listening = await startListening(server, host, port);
  return {
    port: listening,
    connections,
    open() {
      const [here, there] = duplexPair({ highWaterMark: PIPE });
      const guest = doorkeeper.admit("", () => here.destroy());
      if (guest === undefined) throw new Failure("unavailable", "the relay has as many connections as it takes");
      there.once("close", () => {
        guest.leave();
        here.destroy();
      });
      here.once("close", () => there.destroy());
      const exporter = randomBytes(EXPORTER_SIZE);
      connections.add(new Connection({ stream: there, exporter }, state, { guest, logger, onClose }));
      return { stream: here, exporter };
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.destroy();
      for (const { socket } of guests.values()) socket.destroy();
      await closed;
    },
  };
}

/** TLS 1.3 with somebody whose handshake is done. */
function secured(socket: TLSSocket): ClientStream {
  socket.setNoDelay(true);
  return { stream: socket, exporter: socket.exportKeyingMaterial(EXPORTER_SIZE, EXPORTER_LABEL, Buffer.alloc(0)) };
}

/** The same for a TLS socket and the TCP socket below it. */
function peerOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

/** The port that it got. */
function startListening(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(listenFailure(error, host, port));
    server.once("error", failed);
    server.listen(port, host, () => {
      server.off("error", failed);
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
