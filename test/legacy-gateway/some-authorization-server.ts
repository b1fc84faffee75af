import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";

interface Grant {
  readonly challenge: string;
  readonly redirectUri: string;
  readonly clientId: string;
}

/** An authorization server of a provider's: a page to sign in at, tokens (RFC 6749, RFC 7636), introspection (RFC 7662). */
export class SomeAuthorizationServer {
  /** Who signs in at the page. */
  user = "ann@old.example";
  /** Of the page: what it sends the browser back with, instead of a code. */
  refusal: string | undefined;
  /** Forms that the token server got. */
  readonly forms: URLSearchParams[] = [];
  /** Seconds that an access token lasts. */
  lifetime = 3_600;
  givesRefreshToken = true;
  readonly #server: Server;
  readonly #codes = new Map<string, Grant>();
  readonly #refreshTokens = new Set<string>();
  readonly #accessTokens = new Map<string, string>();

  private constructor() {
    this.#server = createServer((request, response) => {
      let body = "";
      request.on("data", (piece) => (body += String(piece)));
      request.once("end", () => this.#serve(new URL(request.url ?? "", this.url), new URLSearchParams(body), response));
    });
  }

  static async start(): Promise<SomeAuthorizationServer> {
    const server = new SomeAuthorizationServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${address === null || typeof address === "string" ? 0 : address.port}`;
  }

  /** A browser in which somebody signs in: opens the page and follows it back. Its last answer. */
  async browse(page: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(page);
    return { status: response.status, text: await response.text() };
  }

  /** Every access token is worth nothing from now on. */
  forgetAccessTokens(): void {
    this.#accessTokens.clear();
  }

  /** The user takes back what was allowed. */
  revoke(): void {
    this.#refreshTokens.clear();
    this.#accessTokens.clear();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #serve({ pathname, searchParams }: URL, form: URLSearchParams, response: ServerResponse): void {
    if (pathname === "/authorize") return this.#authorize(searchParams, response);
    if (pathname === "/token") return this.#token(form, response);
    if (pathname === "/introspect") {
      const username = this.#accessTokens.get(form.get("token") ?? "");
      return answer(response, 200, username === undefined ? { active: false } : { active: true, username });
    }
    answer(response, 404, {});
  }

  #authorize(query: URLSearchParams, response: ServerResponse): void {
    const back = new URL(query.get("redirect_uri") ?? "");
    back.searchParams.set("state", query.get("state") ?? "");
    if (this.refusal !== undefined) back.searchParams.set("error", this.refusal);
    else {
      if (query.get("code_challenge_method") !== "S256") return answer(response, 400, { error: "invalid_request" });
      const code = randomBytes(8).toString("hex");
      this.#codes.set(code, {
        challenge: query.get("code_challenge") ?? "",
        redirectUri: query.get("redirect_uri") ?? "",
        clientId: query.get("client_id") ?? "",
      });
      back.searchParams.set("code", code);
    }
    response.writeHead(302, { location: back.href }).end();
  }

  #token(form: URLSearchParams, response: ServerResponse): void {
    this.forms.push(form);
    if (form.get("grant_type") === "refresh_token") {
      if (!this.#refreshTokens.has(form.get("refresh_token") ?? ""))
        return answer(response, 400, { error: "invalid_grant", error_description: "it was taken back" });
      return answer(response, 200, this.#access());
    }
    const code = form.get("code") ?? "";
    const grant = this.#codes.get(code);
    this.#codes.delete(code);
    const proof = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    const fits =
      grant?.challenge === proof &&
      grant.redirectUri === form.get("redirect_uri") &&
      grant.clientId === form.get("client_id");
    if (!fits) return answer(response, 400, { error: "invalid_grant" });
    const refreshToken = randomBytes(12).toString("hex");
    this.#refreshTokens.add(refreshToken);
    answer(response, 200, { ...this.#access(), ...(this.givesRefreshToken && { refresh_token: refreshToken }) });
  }

  #access() {
    const token = randomBytes(12).toString("hex");
    this.#accessTokens.set(token, this.user);
    return { access_token: token, token_type: "Bearer", expires_in: this.lifetime };
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
