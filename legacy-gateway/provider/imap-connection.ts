import type { ExpungeEvent, ImapFlow } from "imapflow";
import { errorCode, Failure } from "../../foundation/failure.ts";
import { isLoopback } from "../../foundation/loopback.ts";
import type { SocksProxy } from "../../foundation/proxy-url.ts";
import { MAX_LINE, MAX_LITERAL, MAX_RESPONSE, MAX_TOKENS } from "../../imap-client/limits.ts";
import type { Server } from "../accounts/account.ts";
import { CONNECT_PATIENCE, IDLE_RENEWAL, SILENCE_PATIENCE } from "../limits.ts";
import type { Login, LoginSource } from "./login.ts";
import { lookAtCertificate } from "./look-at-certificate.ts";
import { proxyUrlOf } from "./proxied.ts";
import { certificateFailure, isCertificateError, tlsOptions } from "./trust.ts";
import { wordsOf } from "./words.ts";

export interface ImapOptions {
  readonly server: Server;
  readonly login: LoginSource;
  readonly proxy?: SocksProxy | undefined;
  /** Tells accounts apart for the proxy; says nothing to it. */
  readonly isolation: string;
  readonly signal?: AbortSignal | undefined;
  /** Letters that vanished, one by one; the next one waits until it is done. */
  readonly onExpunge?: (event: ExpungeEvent) => Promise<void>;
  /** Nothing is compressed, whatever the provider offers: somebody else will read and write the connection. */
  readonly compress?: false;
}

/**
 * A logged in connection to the provider; the caller closes it. Whatever the provider sends, it is bounded, and an error
 * ends this connection alone.
 * @throws Failure unavailable; forbidden (user or password, certificate), which another attempt would not change
 */
export async function openImap(options: ImapOptions): Promise<ImapFlow> {
  const login = await options.login();
  try {
    return await connectImap(options, login);
  } catch (error) {
    if (!("accessToken" in login) || !isRefusedLogin(error)) throw await explainImap(options, error);
  }
  // A token may have been taken back before its time.
  try {
    return await connectImap(options, await options.login({ refresh: true }));
  } catch (error) {
    throw await explainImap(options, error);
  }
}

async function connectImap(options: ImapOptions, login: Login): Promise<ImapFlow> {
  // Here, not above: it takes a quarter of a second to load, which a start without old accounts need not wait for.
  const { ImapFlow } = await import("imapflow");
  const { server, proxy, isolation, signal, onExpunge } = options;
  const client = new ImapFlow({
    host: server.host,
    port: server.port,
    secure: server.security === "tls",
    ...(server.security !== "tls" && { doSTARTTLS: server.security === "starttls" }),
    auth:
      "accessToken" in login
        ? { user: login.user, accessToken: login.accessToken }
        : { user: login.user, pass: login.password },
    tls: tlsOptions(server),
    ...(proxy !== undefined && { proxy: proxyUrlOf(proxy, isolation) }),
    logger: false,
    ...(onExpunge !== undefined && { expungeHandler: onExpunge }),
    disableAutoIdle: true,
    qresync: true,
    disableCompression: options.compress === false || isLoopback(server.host),
    maxIdleTime: IDLE_RENEWAL,
    // The provider learns neither program nor system.
    clientInfo: { name: "Postern", version: false, vendor: false, "support-url": false },
    connectionTimeout: CONNECT_PATIENCE,
    greetingTimeout: CONNECT_PATIENCE,
    socketTimeout: SILENCE_PATIENCE,
    maxLiteralSize: MAX_LITERAL,
    maxLineLength: MAX_LINE,
    maxResponseSize: MAX_RESPONSE,
    maxResponseTokens: MAX_TOKENS,
  });
  // The command that runs fails too, and tells.
  client.on("error", () => undefined);
  const stop = (): void => client.close();
  signal?.addEventListener("abort", stop, { once: true });
  client.once("close", () => signal?.removeEventListener("abort", stop));
  try {
    signal?.throwIfAborted();
    await client.connect();
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

function isRefusedLogin(error: unknown): boolean {
  return (error as { authenticationFailed?: unknown }).authenticationFailed === true;
}

async function explainImap({ server, proxy, isolation, signal }: ImapOptions, error: unknown): Promise<Failure> {
  if (error instanceof Failure) return error;
  signal?.throwIfAborted();
  const place = `${server.host}:${server.port}`;
  if (isRefusedLogin(error))
    return new Failure(
      "forbidden",
      `${server.host} refuses the user or the password: ${wordsOf(error)}. Many providers want an app password, made on their web page`,
      { cause: error },
    );
  if (isCertificateError(error)) {
    const seen = await lookAtCertificate("imap", server, { proxy, isolation, signal });
    return certificateFailure(server, error, seen, "imap");
  }
  const code = errorCode(error);
  if (code.startsWith("ERR_SSL") || code === "EPROTO")
    return new Failure("unavailable", `${place} does not speak TLS as asked: try another port or --imap-security`, {
      cause: error,
    });
  if ((error as { tlsFailed?: unknown }).tlsFailed === true)
    return new Failure(
      "forbidden",
      `${place} offers no TLS, so your password would travel in the clear: nothing was sent`,
      {
        cause: error,
      },
    );
  return new Failure("unavailable", `${place} cannot be reached just now: ${wordsOf(error)}`, { cause: error });
}
