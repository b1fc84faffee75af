import { setTimeout as pause } from "node:timers/promises";
import { ImapFlow } from "imapflow";
import { errorCode, Failure } from "../../../foundation/failure.ts";
import { isLoopback } from "../../../foundation/loopback.ts";
import { MAX_LINE, MAX_LITERAL, MAX_RESPONSE } from "../../../imap-client/limits.ts";
import type { AccountUrl } from "./account-url.ts";
import { CONNECT_PATIENCE, MAX_SHOWN_TEXT, RETRY_DELAYS, SILENCE_PATIENCE } from "./limits.ts";

export interface AccountLogin extends Omit<AccountUrl, "folder"> {
  readonly password: string;
  /** PEM of the authority that vouches for the server; the system's where absent. */
  readonly ca?: string | undefined;
  /** Allows a server elsewhere to be spoken to without TLS. */
  readonly plaintext?: boolean | undefined;
}

/** The connection to an account: opened when it is needed, and again after it was lost, a bounded number of times. */
export class AccountConnection {
  readonly #login: AccountLogin;
  readonly #signal: AbortSignal | undefined;
  readonly #delays: readonly number[];
  #client: ImapFlow | undefined;
  #failures = 0;

  constructor(login: AccountLogin, signal?: AbortSignal, delays: readonly number[] = RETRY_DELAYS) {
    this.#login = login;
    this.#signal = signal;
    this.#delays = delays;
  }

  /**
   * Does something with a connection that stands; once more after it was lost, until the attempts are used up.
   * @throws Failure unavailable, forbidden (user or password, certificate), and what the work throws while it stands
   */
  async run<T>(work: (client: ImapFlow) => Promise<T>): Promise<T> {
    for (;;) {
      const client = await this.open();
      try {
        return await work(client);
      } catch (error) {
        if (client.usable) throw error;
        this.lost(error);
      }
    }
  }

  /** @throws Failure unavailable, forbidden */
  async open(): Promise<ImapFlow> {
    for (;;) {
      this.#signal?.throwIfAborted();
      if (this.#client?.usable === true) return this.#client;
      const delay = this.#failures === 0 ? 0 : this.#delays[this.#failures - 1];
      if (delay === undefined) throw new Error("the attempts were counted wrong");
      if (delay > 0)
        await pause(delay, undefined, { ...(this.#signal && { signal: this.#signal }) }).catch(() => undefined);
      this.#signal?.throwIfAborted();
      const client = createClient(this.#login);
      const stop = (): void => client.close();
      this.#signal?.addEventListener("abort", stop, { once: true });
      client.once("close", () => this.#signal?.removeEventListener("abort", stop));
      try {
        await client.connect();
        this.#client = client;
        return client;
      } catch (error) {
        client.close();
        const final = refusal(error, this.#login);
        if (final !== undefined) throw final;
        this.lost(error);
      }
    }
  }

  /** Counts a loss. @throws Failure unavailable if it was the last attempt */
  lost(error: unknown): void {
    this.#client?.close();
    this.#client = undefined;
    this.#signal?.throwIfAborted();
    if (this.#failures++ < this.#delays.length) return;
    const { host, port } = this.#login;
    throw new Failure(
      "unavailable",
      `the connection to ${host}:${port} does not hold (${serverText(error)}): run the same command again later, it goes on where it was`,
      { cause: error },
    );
  }

  get stands(): boolean {
    return this.#client?.usable === true;
  }

  /** Something came through: the attempts count from the beginning. */
  progressed(): void {
    this.#failures = 0;
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client?.usable === true) await client.logout().catch(() => undefined);
    client?.close();
  }
}

function createClient(login: AccountLogin): ImapFlow {
  const { host, port, user, password, implicitTls, ca, plaintext = false } = login;
  const local = isLoopback(host);
  const client = new ImapFlow({
    host,
    port,
    secure: implicitTls,
    // On this machine nobody listens in, and servers there mostly have certificates of their own making.
    ...(!implicitTls && { doSTARTTLS: !plaintext && !(local && ca === undefined) }),
    auth: { user, pass: password },
    tls: { minVersion: "TLSv1.2", rejectUnauthorized: true, ...(ca !== undefined && { ca }) },
    logger: false,
    disableAutoIdle: true,
    disableAutoEnable: true,
    disableCompression: local,
    clientInfo: { name: "Postern" },
    connectionTimeout: CONNECT_PATIENCE,
    greetingTimeout: CONNECT_PATIENCE,
    socketTimeout: SILENCE_PATIENCE,
    maxLiteralSize: MAX_LITERAL,
    maxLineLength: MAX_LINE,
    maxResponseSize: MAX_RESPONSE,
  });
  // The command that runs fails too, and tells.
  client.on("error", () => undefined);
  return client;
}

const CERTIFICATE_CODES =
  /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(VERIFY|GET)_|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA)/;

/** What another attempt would not change. */
function refusal(error: unknown, { host, port, implicitTls }: AccountLogin): Failure | undefined {
  const { authenticationFailed = false, tlsFailed = false } = error as Record<string, unknown>;
  if (authenticationFailed === true)
    return new Failure("forbidden", `${host} refuses the user or the password: ${serverText(error)}`, { cause: error });
  const code = errorCode(error);
  if (CERTIFICATE_CODES.test(code))
    return new Failure(
      "forbidden",
      `the certificate of ${host}:${port} is not to be trusted (${code}): if the server is your own, name its authority with --ca FILE`,
      { cause: error },
    );
  if (code.startsWith("ERR_SSL") || code === "EPROTO")
    return new Failure("unavailable", `${host}:${port} does not speak TLS as asked: try imap:// or another port`, {
      cause: error,
    });
  if (!implicitTls && tlsFailed === true)
    return new Failure(
      "forbidden",
      `${host}:${port} offers no TLS, so your password would travel in the clear: try imaps://, or accept that with --plaintext`,
      { cause: error },
    );
  return undefined;
}

/** What the server or the network said, short and without control characters. */
export function serverText(error: unknown): string {
  const { responseText, message } = error as { responseText?: unknown; message?: unknown };
  const text = typeof responseText === "string" && responseText !== "" ? responseText : String(message ?? error);
  return text.replace(/\p{Cc}+/gu, " ").slice(0, MAX_SHOWN_TEXT);
}
