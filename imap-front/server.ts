import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { type Clock, systemClock } from "../foundation/clock.ts";
import { type Logger, silentLogger } from "../foundation/logger.ts";
import { DamagedMessages } from "./damaged-messages.ts";
import { defaultLimits, type ImapLimits } from "./limits.ts";
import { LoginThrottle } from "./login-throttle.ts";
import { PreviewCache } from "./preview-cache.ts";
import { Session, type SessionOptions } from "./session.ts";
import { SortableCache } from "./sort/sortable-cache.ts";
import type { Authenticator } from "./store.ts";

/** A certificate chain and its key, in PEM. */
export interface TlsCredentials {
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
}

export interface ImapServerOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly tls?: TlsCredentials;
  /**
   * `auto`: one port takes a TLS hello as well as a plain connection, which can then use STARTTLS; the greeting waits a
   * moment for the hello. `starttls` and `implicit` take one alone, and greet at once.
   */
  readonly mode?: "auto" | "starttls" | "implicit";
  /** Takes passwords on a connection without TLS; false unless given. */
  readonly plaintextLogin?: boolean;
  readonly authenticator: Authenticator;
  /** The server's part of SCRAM nonces, printable ASCII without a comma; random unless a transcript is to be replayed. */
  readonly scramNonce?: () => string;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly limits?: Partial<ImapLimits>;
  readonly serverId?: Readonly<Record<string, string>>;
}

export interface RunningImapServer {
  readonly host: string;
  readonly port: number;
  /** Another certificate for connections from now on. */
  setTls(credentials: TlsCredentials): void;
  /** Takes no more connections, says BYE to the open ones, waits a little for commands under way. */
  stop(): Promise<void>;
}

/** Random octets in the server's part of a SCRAM nonce. */
const SCRAM_NONCE = 18;

/** First octet of a TLS record that holds a handshake. */
const TLS_HANDSHAKE = 0x16;

/** Listens, and serves each connection. Rejects where the address cannot be had (EADDRINUSE and others). */
export async function startImapServer(options: ImapServerOptions): Promise<RunningImapServer> {
  const clock = options.clock ?? systemClock;
  const logger = options.logger ?? silentLogger;
  const limits: ImapLimits = { ...defaultLimits, ...options.limits };
  const mode = options.mode ?? (options.tls === undefined ? "starttls" : "auto");
  let context: SecureContext | undefined = options.tls && createSecureContext(options.tls);
  const sessions = new Set<Session>();
  /** Every connection, the oldest first, with its session once that began. */
  const connections = new Map<Socket, Session | undefined>();

  const secure = async (plain: Duplex): Promise<TLSSocket> => {
    if (context === undefined) throw new Error("no TLS credentials");
    const stream = new TLSSocket(plain, { isServer: true, secureContext: context });
    await new Promise<void>((resolve, reject) => {
      const cancel = clock.after(limits.loginTimeout, () => stream.destroy());
      const fail = () => {
        cancel();
        plain.destroy();
        reject(new TlsRefused());
      };
      stream.once("error", fail);
      stream.once("close", fail);
      stream.once("secure", () => {
        cancel();
        stream.off("error", fail);
        stream.off("close", fail);
        resolve();
      });
    });
    return stream;
  };

  const shared: SessionOptions = {
    authenticator: options.authenticator,
    logger,
    clock,
    limits,
    throttle: new LoginThrottle(clock),
    damaged: new DamagedMessages(),
    previews: new PreviewCache(limits.previews),
    sortables: new SortableCache(limits.sortables),
    serverId: options.serverId ?? { name: "Postern" },
    plaintextLogin: options.plaintextLogin ?? false,
    scramNonce: options.scramNonce ?? (() => randomBytes(SCRAM_NONCE).toString("base64")),
    startTls: context === undefined || mode === "implicit" ? undefined : secure,
  };

  const serve = async (socket: Socket) => {
    const first =
      mode === "starttls"
        ? undefined
        : await firstOctet(socket, clock, mode === "auto" ? limits.tlsDetection : limits.loginTimeout);
    if (first === "closed") return;
    const implicit = mode === "implicit" || first === TLS_HANDSHAKE;
    if (socket.destroyed) return;
    const stream = implicit ? await secure(socket) : socket;
    if (!connections.has(socket)) return;
    const session = new Session(stream, implicit, shared);
    connections.set(socket, session);
    sessions.add(session);
    await session.run();
    sessions.delete(session);
  };

  /**
   * Drops the oldest connection that has not logged in, so that whoever opens many and leaves them keeps nobody out who
   * has a password, and ends no session of those who are in. False if all are in.
   */
  const makeRoom = (): boolean => {
    for (const [socket, session] of connections) {
      if (session !== undefined && session.state.kind !== "notAuthenticated") continue;
      connections.delete(socket);
      socket.destroy();
      return true;
    }
    return false;
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    if (connections.size >= limits.connections) logger("warn", "imap.too-many-connections");
    if (connections.size >= limits.connections && !makeRoom()) {
      socket.on("error", () => undefined);
      socket.end("* BYE too many connections\r\n");
      socket.destroySoon();
      return;
    }
    connections.set(socket, undefined);
    socket.once("close", () => connections.delete(socket));
    socket.on("error", () => socket.destroy());
    serve(socket).catch((error: unknown) => {
      if (error instanceof TlsRefused) logger("info", "imap.tls-handshake-failed");
      else logger("error", "imap.connection", { cause: error instanceof Error ? error.name : typeof error });
      socket.destroy();
    });
  });

  const { address, port } = await listen(server, options.host, options.port);
  return {
    host: address,
    port,
    setTls(credentials) {
      context = createSecureContext(credentials);
    },
    async stop() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const session of sessions) session.stop();
      const cancel = clock.after(limits.stopGrace, () => {
        for (const socket of connections.keys()) socket.destroy();
      });
      await closed;
      cancel();
    },
  };
}

/** The client did not finish the TLS handshake. */
class TlsRefused extends Error {
  override name = "TlsRefused";
}

async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return server.address() as AddressInfo;
}

/** The first octet that the client sends, still to be read; undefined if none came in time. */
async function firstOctet(socket: Socket, clock: Clock, wait: number): Promise<number | undefined | "closed"> {
  return await new Promise((resolve) => {
    const settle = (value: number | undefined | "closed") => {
      cancel();
      socket.off("readable", onReadable);
      socket.off("close", onClose);
      socket.off("end", onClose);
      resolve(value);
    };
    const onReadable = () => {
      const chunk: Buffer | null = socket.read();
      if (chunk === null) return;
      socket.unshift(chunk);
      settle(chunk[0]);
    };
    const onClose = () => settle("closed");
    // Where others kept the event loop busy, the time is over before what came meanwhile was read: so that is read first.
    const cancel = clock.after(wait, () => void setImmediate(settle, undefined));
    socket.on("readable", onReadable);
    socket.once("close", onClose);
    socket.once("end", onClose);
  });
}
