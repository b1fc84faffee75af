import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { equalConstantTime } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import { isLoopback } from "../../foundation/loopback.ts";
import type { SocksProxy } from "../../foundation/proxy-url.ts";
import { MAX_SIGN_IN_REQUEST, MAX_TOKEN_ANSWER, SIGN_IN_PATIENCE, TOKEN_PATIENCE } from "../limits.ts";
import { parseTokenAnswer, saidBy } from "./access-tokens.ts";
import { askHttps } from "./https.ts";
import { shown } from "./words.ts";

/** Where and as what the user signs in. */
export interface SignInPlace {
  /** The provider's page (RFC 6749 section 3.1); a web browser shows it. */
  readonly page: string;
  readonly tokenUrl: string;
  readonly clientId: string;
  /** Of an application that has one although everybody can read it there (RFC 8252 section 8.5). */
  readonly clientSecret?: string;
  readonly scope: string;
  /** The name that the browser comes back to; providers that do not take `127.0.0.1` want `localhost`. */
  readonly redirectHost?: "127.0.0.1" | "localhost";
  /** PEM of the token server's authority, if it is not one of the system's. */
  readonly ca?: string;
}

export interface SignInOptions {
  /** The address that the page proposes. */
  readonly address: string;
  readonly proxy: SocksProxy | undefined;
  /** Called once: the user opens it in a browser of this machine. */
  readonly onPage: (url: string) => void;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds that the user has. */
  readonly patience?: number;
}

/**
 * Lets the user sign in at the provider's own page and gets a refresh token: authorization code with PKCE (RFC 7636, S256
 * alone) and a redirect to loopback (RFC 8252 section 7.3). The password never comes here.
 * @throws Failure forbidden (the provider or the user said no), unavailable, invalid (the page's URL)
 */
export async function signIn(place: SignInPlace, options: SignInOptions): Promise<string> {
  const page = parsePage(place.page);
  const { address, onPage, signal, patience = SIGN_IN_PATIENCE } = options;
  const verifier = randomBytes(32).toString("base64url");
  const state = randomBytes(32).toString("base64url");
  const listener = await Listener.start(place.redirectHost ?? "127.0.0.1", state);
  const timely = AbortSignal.timeout(patience);
  const both = signal === undefined ? timely : AbortSignal.any([signal, timely]);
  try {
    const query = {
      response_type: "code",
      client_id: place.clientId,
      redirect_uri: listener.redirectUri,
      scope: place.scope,
      state,
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
      login_hint: address,
    };
    for (const [name, value] of Object.entries(query)) page.searchParams.set(name, value);
    onPage(page.href);
    const code = await listener.code(both).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (timely.aborted) throw new Failure("unavailable", "nobody signed in: run the command again when you can");
      throw error;
    });
    return await redeem(place, options, { code, verifier, redirectUri: listener.redirectUri });
  } finally {
    listener.stop();
  }
}

/** A code for a refresh token (RFC 6749 section 4.1.3, RFC 7636 section 4.5). */
async function redeem(
  { tokenUrl, clientId, clientSecret, ca }: SignInPlace,
  { proxy, address, signal }: SignInOptions,
  { code, verifier, redirectUri }: { readonly code: string; readonly verifier: string; readonly redirectUri: string },
): Promise<string> {
  const { status, body } = await askHttps(tokenUrl, {
    form: {
      grant_type: "authorization_code",
      code,
      redirect_uri: redirectUri,
      client_id: clientId,
      code_verifier: verifier,
      ...(clientSecret !== undefined && { client_secret: clientSecret }),
    },
    ca,
    proxy,
    isolation: address,
    signal,
    timeout: TOKEN_PATIENCE,
    limit: MAX_TOKEN_ANSWER,
  });
  const answer = parseTokenAnswer(body);
  if (status !== 200)
    throw new Failure("forbidden", `the provider does not give a token: ${saidBy(answer) ?? `status ${status}`}`);
  const { refresh_token: token } = answer;
  if (typeof token !== "string" || token === "")
    throw new Failure(
      "forbidden",
      "the provider gave no refresh token, so you would have to sign in every hour: look whether the scope asks for offline access",
    );
  return token;
}

/** Where the browser comes back to: one page on loopback, for as long as somebody signs in. */
class Listener {
  readonly redirectUri: string;
  readonly #server: Server;
  readonly #state: Buffer;
  #answer: ((query: URLSearchParams) => void) | undefined;

  private constructor(server: Server, redirectUri: string, state: string) {
    this.#server = server;
    this.redirectUri = redirectUri;
    this.#state = Buffer.from(state);
    server.on("request", ({ method, url = "" }, response) => this.#serve(method, url, response));
  }

  static async start(host: string, state: string): Promise<Listener> {
    const server = createServer({ maxHeaderSize: MAX_SIGN_IN_REQUEST, requestTimeout: 10_000, headersTimeout: 10_000 });
    server.maxConnections = 16;
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const bound = server.address();
    if (bound === null || typeof bound === "string") throw new Error("the listener has no port");
    return new Listener(server, `http://${host}:${bound.port}/`, state);
  }

  /** @throws Failure forbidden, where the page says that it will not be; the signal's reason */
  async code(signal: AbortSignal): Promise<string> {
    const query = await new Promise<URLSearchParams>((resolve, reject) => {
      this.#answer = resolve;
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    const code = query.get("code");
    if (code !== null && code !== "") return code;
    const why = shown(query.get("error_description") ?? query.get("error") ?? "it gave no reason");
    throw new Failure("forbidden", `your provider does not let you in: ${why}`);
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #serve(method: string | undefined, url: string, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, "http://127.0.0.1");
    const given = Buffer.from(searchParams.get("state") ?? "");
    // Whatever else comes here, by another page or program, knows nothing of the state and changes nothing.
    if (method !== "GET" || pathname !== "/" || !equalConstantTime(given, this.#state))
      return say(response, 404, "There is nothing here.");
    const refused = searchParams.get("code") === null;
    say(response, 200, refused ? "You are not signed in." : "You are signed in, and can close this page.");
    this.#answer?.(searchParams);
  }
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    connection: "close",
  });
  response.end(`${text}\n`);
}

function parsePage(text: string): URL {
  const page = URL.canParse(text) ? new URL(text) : undefined;
  if (page?.protocol === "https:" || (page?.protocol === "http:" && isLoopback(page.hostname))) return page;
  throw new Failure("invalid", "the page to sign in at is no https URL");
}
