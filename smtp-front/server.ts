import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { Clock } from "../foundation/clock.ts";
import type { Logger } from "../foundation/logger.ts";
import { classify, readFirstOctets } from "./first-octets.ts";
import { SMTP_LIMITS, type SmtpLimits } from "./limits.ts";
import { SlowedLogin } from "./login.ts";
import type { SubmissionAuthenticator } from "./submission.ts";
import { SubmissionServer } from "./submission-server.ts";

export interface SmtpServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** PEM. */
  readonly tls: { readonly key: string | Buffer; readonly cert: string | Buffer };
  readonly authenticator: SubmissionAuthenticator;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits?: Partial<SmtpLimits>;
  /** What the server calls itself in its greeting. */
  readonly name: string;
}

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** Lets messages that are being taken finish for a while, then ends every connection. */
  stop(): Promise<void>;
}

/**
 * A submission server (RFC 6409) that takes STARTTLS and TLS from the first octet on one port. Connections that begin
 * with an HTTP request are closed.
 * @throws the listener's own error, for instance EADDRINUSE
 */
export async function startSmtpServer(options: SmtpServerOptions): Promise<SmtpServer> {
  const { logger, clock, tls } = options;
  const limits: SmtpLimits = { ...SMTP_LIMITS, ...options.limits };
  const login = new SlowedLogin({ authenticator: options.authenticator, clock, limits, logger });
  const smtp = new SubmissionServer({ name: options.name, tls, login, logger, limits });
  const tlsOptions = { ...tls, minVersion: "TLSv1.2", handshakeTimeout: limits.handshake } as const;
  const tlsServer = createTlsServer(tlsOptions, (socket: TLSSocket) => smtp.connect(socket));
  tlsServer.on("tlsClientError", (error, socket) => {
    logger("debug", "TLS handshake failed", { error: error.name });
    socket.destroy();
  });

  const sockets = new Set<Socket>();
  const accept = async (socket: Socket) => {
    socket.on("error", () => socket.destroy());
    const first = await readFirstOctets(socket, limits.helloWait, clock);
    if (first === "gone" || socket.destroyed) return;
    if (first === "tls") tlsServer.emit("connection", socket);
    else if (first === "http") refuseHttp(socket, logger);
    else {
      if (first === "silent") watchLateOctets(socket, logger);
      smtp.connect(socket);
    }
  };
  const listener = createServer({ noDelay: true }, (socket) => {
    // STARTTLS takes every listener off a socket, so none could tell when it closes.
    for (const other of sockets) if (other.destroyed) sockets.delete(other);
    sockets.add(socket);
    accept(socket).catch((error: unknown) => {
      logger("error", "a connection could not be taken", { error: error instanceof Error ? error.name : "unknown" });
      socket.destroy();
    });
  });
  // Those that wait for their first octets or their TLS handshake are not yet counted by smtp-server.
  listener.maxConnections = limits.connections * 2;
  await listen(listener, options.host, options.port);
  const address = listener.address() as AddressInfo;
  return {
    host: address.address,
    port: address.port,
    stop: () => stop({ listener, smtp, sockets, clock, wait: limits.stopWait }),
  };
}

function listen(listener: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.once("error", reject);
    listener.listen({ host, port }, () => {
      listener.off("error", reject);
      resolve();
    });
  });
}

function refuseHttp(socket: Socket, logger: Logger): void {
  logger("warn", "an HTTP request came to the submission port");
  socket.destroy();
}

/** A client that sends its TLS hello after the greeting, or an HTTP request, is told apart from broken SMTP. */
function watchLateOctets(socket: Socket, logger: Logger): void {
  socket.once("data", (chunk: Buffer) => {
    const kind = classify(chunk);
    if (kind === "http") refuseHttp(socket, logger);
    if (kind !== "tls") return;
    logger("warn", "a TLS hello came after the greeting: set the mail program to STARTTLS");
    socket.destroy();
  });
}

interface Running {
  readonly listener: Server;
  readonly smtp: SubmissionServer;
  readonly sockets: ReadonlySet<Socket>;
  readonly clock: Clock;
  readonly wait: number;
}

async function stop({ listener, smtp, sockets, clock, wait }: Running): Promise<void> {
  const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
  for (const connection of smtp.connections) {
    if (!smtp.receiving.has(connection.session)) connection.send(421, "4.3.2 The bridge is stopping");
  }
  smtp.close();
  const cancel = clock.after(smtp.receiving.size > 0 ? wait : GOODBYE, () => {
    for (const socket of sockets) socket.destroy();
  });
  await closed;
  cancel();
}

/** How long, in milliseconds, a client that was told 421 may take to hang up. */
const GOODBYE = 200;
