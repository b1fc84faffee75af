import { Readable } from "node:stream";
import type SMTPConnection from "nodemailer/lib/smtp-connection";
import { errorCode, Failure } from "../../foundation/failure.ts";
import type { SocksProxy } from "../../foundation/proxy-url.ts";
import { socksConnection } from "../../foundation/socks.ts";
import type { Server } from "../accounts/account.ts";
import { CONNECT_PATIENCE, LETTER_PATIENCE, MAX_REPLY, SEND_PATIENCE } from "../limits.ts";
import type { Login, LoginSource } from "./login.ts";
import { lookAtCertificate } from "./look-at-certificate.ts";
import { isolationUser } from "./proxied.ts";
import { certificateFailure, isCertificateError, tlsOptions } from "./trust.ts";
import { shown, wordsOf } from "./words.ts";

/** Milliseconds that a provider is waited for; a slow one is not waited for for ever, whatever it drips. */
export interface SmtpPatience {
  /** Until a connection stands, and again until it is logged in. */
  readonly connect: number;
  /** Of silence. */
  readonly silence: number;
  /** For one letter in all. */
  readonly letter: number;
}

const PATIENCE: SmtpPatience = { connect: CONNECT_PATIENCE, silence: SEND_PATIENCE, letter: LETTER_PATIENCE };

export interface SmtpOptions {
  readonly server: Server;
  readonly login: LoginSource;
  readonly proxy?: SocksProxy | undefined;
  readonly isolation: string;
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Partial<SmtpPatience>;
}

/** What a provider says to one recipient, or to the letter. */
export interface Refusal {
  /** 4 for what may work later, 5 for what will not (RFC 5321 section 4.2.1). */
  readonly temporary: boolean;
  /** RFC 3463, `5.1.1` for instance. */
  readonly status: string;
  /** The reply in the provider's words. */
  readonly words: string;
}

export interface Envelope {
  readonly from: string;
  readonly recipients: readonly string[];
  readonly size: number;
  readonly eightBit: boolean;
}

/** Of each recipient what became of the letter: undefined where the provider took it. */
export type SendResult = ReadonlyMap<string, Refusal | undefined>;

/** A logged in connection to a provider's submission server. */
export class SmtpSession {
  readonly #connection: SMTPConnection;
  /** Octets of a letter that the provider takes (RFC 1870); undefined where it does not say. */
  readonly sizeLimit: number | undefined;

  readonly #patience: SmtpPatience;
  #usable = true;

  private constructor(connection: SMTPConnection, patience: SmtpPatience) {
    this.#connection = connection;
    this.#patience = patience;
    const { _maxAllowedSize: most } = connection as unknown as { _maxAllowedSize?: unknown };
    this.sizeLimit = typeof most === "number" && most > 0 ? most : undefined;
  }

  /** @throws Failure unavailable; forbidden (user or password, certificate) */
  static async open(options: SmtpOptions): Promise<SmtpSession> {
    const login = await options.login();
    try {
      return await SmtpSession.#connect(options, login);
    } catch (error) {
      if (!("accessToken" in login) || errorCode(error) !== "EAUTH") throw await explain(options, error);
    }
    try {
      return await SmtpSession.#connect(options, await options.login({ refresh: true }));
    } catch (error) {
      throw await explain(options, error);
    }
  }

  static async #connect(options: SmtpOptions, login: Login): Promise<SmtpSession> {
    const { server, proxy, isolation, signal } = options;
    const { host, port, security } = server;
    signal?.throwIfAborted();
    const patience = { ...PATIENCE, ...options.patience };
    const socket =
      proxy &&
      (await socksConnection(proxy, server, { user: isolationUser(isolation), timeout: patience.connect, signal }));
    const { default: Connection } = await import("nodemailer/lib/smtp-connection");
    const connection = new Connection({
      host,
      port,
      secure: security === "tls",
      requireTLS: security === "starttls",
      ignoreTLS: security === "none",
      tls: tlsOptions(server),
      // As programs without a name of their own say it (RFC 5321 section 4.1.3): the host's name is nobody's business.
      name: "[127.0.0.1]",
      ...(socket !== undefined && { connection: socket }),
      connectionTimeout: patience.connect,
      greetingTimeout: patience.connect,
      socketTimeout: patience.silence,
      maxResponseSize: MAX_REPLY,
      logger: false,
      customAuth: { [BEARER]: (dialogue) => bearer(dialogue, server, mechanismsOf(connection)) },
    });
    const stop = (): void => connection.close();
    signal?.addEventListener("abort", stop, { once: true });
    connection.once("end", () => signal?.removeEventListener("abort", stop));
    try {
      await within(2 * patience.connect, (resolve, reject) => {
        connection.on("error", reject);
        connection.once("end", () => reject(new Error("the provider ended the connection")));
        connection.connect((error) => (error ? reject(error) : resolve(undefined)));
      });
      await within(patience.connect, (resolve, reject) => {
        connection.once("error", reject);
        const auth =
          "accessToken" in login
            ? { method: BEARER, user: login.user, pass: login.accessToken }
            : { user: login.user, pass: login.password };
        connection.login(auth, (error) => (error ? reject(error) : resolve(undefined)));
      });
      return new SmtpSession(connection, patience);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Whether another letter can be sent over it. */
  get usable(): boolean {
    return this.#usable;
  }

  /** Sends a letter; the content is consumed at most once. @throws Failure unavailable where nobody knows what became of it */
  async send({ from, recipients, size, eightBit }: Envelope, content: AsyncIterable<Uint8Array>): Promise<SendResult> {
    const envelope = { from, to: [...recipients], size, use8BitMime: eightBit };
    const message = Readable.from(content, { objectMode: false });
    const results = new Map<string, Refusal | undefined>(recipients.map((recipient) => [recipient, undefined]));
    const refuse = (errors: readonly unknown[]): void => {
      for (const error of errors) {
        const { recipient } = error as { recipient?: unknown };
        if (typeof recipient === "string" && results.has(recipient)) results.set(recipient, refusalOf(error));
      }
    };
    try {
      const { rejectedErrors = [] } = await within<{ rejectedErrors?: readonly unknown[] | undefined }>(
        this.#patience.letter,
        (resolve, reject) => {
          this.#connection.once("error", reject);
          this.#connection.once("end", () => reject(new Error("the provider ended the connection")));
          this.#connection.send(envelope, message, (error, info) => (error ? reject(error) : resolve(info ?? {})));
        },
      );
      refuse(rejectedErrors);
      return results;
    } catch (error) {
      const refusal = replyOf(error);
      if (refusal === undefined) {
        this.#end();
        throw new Failure("unavailable", `the letter did not get through: ${wordsOf(error)}`, { cause: error });
      }
      await this.#reset();
      for (const recipient of recipients) results.set(recipient, refusal);
      refuse((error as { rejectedErrors?: readonly unknown[] }).rejectedErrors ?? []);
      return results;
    } finally {
      message.destroy();
    }
  }

  /** Without it a server that refused all recipients takes the next letter for a part of this one (RFC 5321 section 4.1.4). */
  async #reset(): Promise<void> {
    try {
      await within(this.#patience.connect, (resolve, reject) => {
        this.#connection.once("error", reject);
        this.#connection.once("end", () => reject(new Error("the provider ended the connection")));
        this.#connection.reset((error) => (error ? reject(error) : resolve(undefined)));
      });
    } catch {
      this.#end();
    }
  }

  #end(): void {
    this.#usable = false;
    this.#connection.close();
  }

  close(): void {
    // Whatever comes after this interests nobody.
    this.#connection.on("error", () => undefined);
    this.#connection.quit();
  }
}

/** A promise that is rejected after so many milliseconds; whose work it is closes the connection then. */
async function within<T>(
  patience: number,
  work: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error("the provider is too slow")), patience);
      work(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
  }
}

/** What the server offers for a login; nodemailer's own list has those alone that it speaks itself. */
function mechanismsOf(connection: SMTPConnection): readonly string[] {
  const { _ehloLines: lines } = connection as unknown as { readonly _ehloLines?: unknown };
  const auth = Array.isArray(lines) ? lines.filter((line): line is string => /^AUTH[ =]/i.test(String(line))) : [];
  return auth.flatMap((line) => line.toUpperCase().split(/[ =]+/).slice(1));
}

/** Under a name of its own: nodemailer takes another mechanism for XOAUTH2 where it knows of no token. */
const BEARER = "BEARER";

interface BearerDialogue {
  readonly auth: { readonly credentials: { readonly user: string; readonly pass: string } };
  sendCommand(command: string): Promise<{ readonly status: number; readonly response: string }>;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * OAUTHBEARER (RFC 7628 section 3.1) where the provider has it, XOAUTH2 as Google and Microsoft have it elsewhere. Nothing
 * else: a token is no password.
 */
async function bearer(dialogue: BearerDialogue, { host, port }: Server, mechanisms: readonly string[]): Promise<void> {
  const { user, pass } = dialogue.auth.credentials;
  const standard = mechanisms.includes("OAUTHBEARER");
  const text = standard
    ? `n,a=${user.replaceAll("=", "=3D").replaceAll(",", "=2C")},\x01host=${host}\x01port=${port}\x01auth=Bearer ${pass}\x01\x01`
    : `user=${user}\x01auth=Bearer ${pass}\x01\x01`;
  const mechanism = standard ? "OAUTHBEARER" : "XOAUTH2";
  const answer = await dialogue.sendCommand(`AUTH ${mechanism} ${Buffer.from(text).toString("base64")}`);
  // 334 carries what is wrong, and wants an answer before it says 535 (RFC 7628 section 3.2.3).
  const last = answer.status === 334 ? await dialogue.sendCommand(standard ? "AQ==" : "") : answer;
  if (last.status === 235) dialogue.resolve();
  else dialogue.reject(new Error(shown(last.response)));
}

/** The provider's own reply; undefined where the connection failed instead. */
function replyOf(error: unknown): Refusal | undefined {
  const { responseCode, response } = error as { responseCode?: unknown; response?: unknown };
  // 421 ends the connection, whatever was asked (RFC 5321 section 3.8).
  if (typeof responseCode === "number" && responseCode >= 400 && responseCode !== 421) return refusalOf(error);
  if (typeof response === "string" && response !== "") return undefined;
  // Nodemailer looks at the size before it asks.
  if (errorCode(error) === "EMESSAGE" && /larger than allowed/.test(wordsOf(error)))
    return { temporary: false, status: "5.3.4", words: wordsOf(error) };
  if (errorCode(error) === "EENVELOPE") return { temporary: false, status: "5.1.3", words: wordsOf(error) };
  return undefined;
}

function refusalOf(error: unknown): Refusal {
  const { responseCode, response } = error as { responseCode?: unknown; response?: unknown };
  const words = shown(typeof response === "string" ? response : wordsOf(error));
  // What is no reply at all says nothing for good.
  const temporary = !(typeof responseCode === "number" && responseCode >= 500 && responseCode < 600);
  const enhanced = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(words)?.[1];
  return { temporary, status: enhanced ?? (temporary ? "4.0.0" : "5.0.0"), words };
}

async function explain({ server, proxy, isolation, signal }: SmtpOptions, error: unknown): Promise<Failure> {
  if (error instanceof Failure) return error;
  signal?.throwIfAborted();
  const place = `${server.host}:${server.port}`;
  const { responseCode } = error as { responseCode?: unknown };
  if (errorCode(error) === "EAUTH" && (typeof responseCode !== "number" || responseCode >= 500))
    return new Failure("forbidden", `${server.host} refuses the user or the password: ${wordsOf(error)}`, {
      cause: error,
    });
  if (isCertificateError(error)) {
    const seen = await lookAtCertificate("smtp", server, { proxy, isolation, signal });
    return certificateFailure(server, error, seen, "smtp");
  }
  return new Failure("unavailable", `${place} cannot be reached just now: ${wordsOf(error)}`, { cause: error });
}
