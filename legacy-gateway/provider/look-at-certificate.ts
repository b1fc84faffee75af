import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { SocksProxy } from "../../foundation/proxy-url.ts";
import { socksConnection } from "../../foundation/socks.ts";
import type { Server } from "../accounts/account.ts";
import { LOOK_PATIENCE, MAX_REPLY } from "../limits.ts";
import { isolationUser } from "./proxied.ts";
import { certificateFailure, type SeenCertificate, seeCertificate, unseen } from "./trust.ts";

export interface LookOptions {
  readonly proxy?: SocksProxy | undefined;
  readonly isolation: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The certificate that a server shows, by the way that mail takes to it; nothing is trusted, and nothing said but what
 * comes before TLS. Undefined where there is none to be seen.
 */
export async function lookAtCertificate(
  kind: "imap" | "smtp",
  { host, port, security }: Pick<Server, "host" | "port" | "security">,
  { proxy, isolation, signal }: LookOptions,
): Promise<SeenCertificate | undefined> {
  if (security === "none") return undefined;
  const timely = AbortSignal.timeout(LOOK_PATIENCE);
  const both = signal === undefined ? timely : AbortSignal.any([signal, timely]);
  let socket: Socket | undefined;
  try {
    socket =
      proxy === undefined
        ? connect({ host, port })
        : await socksConnection(
            proxy,
            { host, port },
            { user: isolationUser(isolation), timeout: LOOK_PATIENCE, signal: both },
          );
    socket.on("error", () => undefined);
    if (security === "starttls") await startTls(kind, socket, both);
    return await seeCertificate({ socket, ...(/[a-z]/i.test(host) && !host.includes(":") && { servername: host }) });
  } catch {
    signal?.throwIfAborted();
    return undefined;
  } finally {
    socket?.destroy();
  }
}

/**
 * A pin says which certificate it is, not what it is; TLS has to know it to take it for its own authority.
 * @throws Failure forbidden, where another one is shown; unavailable, where none is
 */
export async function knowPinned<S extends Server>(kind: "imap" | "smtp", server: S, options: LookOptions): Promise<S> {
  if (server.pin === undefined || server.ca !== undefined || server.security === "none") return server;
  const seen = await lookAtCertificate(kind, server, options);
  if (seen === undefined) throw unseen(server);
  if (seen.fingerprint !== server.pin) throw certificateFailure(server, undefined, seen, kind);
  return { ...server, ca: seen.pem };
}

/** What is said until TLS begins: RFC 9051 section 6.2.1, RFC 3207 section 4. */
async function startTls(kind: "imap" | "smtp", socket: Socket, signal: AbortSignal): Promise<void> {
  const steps: readonly (readonly [answer: RegExp, next: string])[] =
    kind === "imap"
      ? [
          [/^\* OK\b.*$/im, "p STARTTLS\r\n"],
          [/^p OK\b.*$/im, ""],
        ]
      : [
          [/^220 .*$/m, "EHLO [127.0.0.1]\r\n"],
          [/^250 .*$/m, "STARTTLS\r\n"],
          [/^220 .*$/m, ""],
        ];
  for (const [answer, next] of steps) {
    await said(socket, answer, signal);
    if (next !== "") socket.write(next);
  }
}

/** Resolves once the server has said that. @throws where it ends, or says too much */
async function said(socket: Socket, answer: RegExp, signal: AbortSignal): Promise<void> {
  let text = "";
  while (!(answer.test(text) && text.endsWith("\n"))) {
    const piece = socket.read() as Buffer | null;
    if (piece !== null) text += piece.toString("latin1");
    else if (socket.readableEnded || socket.destroyed || text.length > MAX_REPLY) throw new Error("no TLS");
    else {
      const gone = new AbortController();
      const end = (): void => gone.abort();
      socket.once("close", end).once("end", end);
      await once(socket, "readable", { signal: AbortSignal.any([signal, gone.signal]) });
      socket.off("close", end).off("end", end);
    }
  }
}
