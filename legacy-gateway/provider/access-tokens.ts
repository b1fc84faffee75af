import type { Clock } from "../../foundation/clock.ts";
import { Failure } from "../../foundation/failure.ts";
import type { SocksProxy } from "../../foundation/proxy-url.ts";
import type { Secret } from "../accounts/account.ts";
import { MAX_TOKEN_ANSWER, TOKEN_MARGIN, TOKEN_PATIENCE } from "../limits.ts";
import { askHttps } from "./https.ts";
import { shown } from "./words.ts";

export type OAuthSecret = Extract<Secret, { kind: "oauth" }>;

export interface AccessTokensOptions {
  readonly clock: Clock;
  readonly proxy?: SocksProxy | undefined;
  readonly isolation: string;
  readonly read: () => OAuthSecret;
  /** The provider gave another refresh token (RFC 6749 section 6); durable when it returns. */
  readonly store: (secret: OAuthSecret) => void;
}

/** Access tokens of one account, fetched anew before they end; who asks at the same time gets the same one. */
export class AccessTokens {
  readonly #options: AccessTokensOptions;
  #token: { readonly text: string; readonly until: number } | undefined;
  #asking: Promise<string> | undefined;

  constructor(options: AccessTokensOptions) {
    this.#options = options;
  }

  /** @throws Failure forbidden, where the user has to sign in again; unavailable */
  async get({ refresh = false }: { readonly refresh?: boolean } = {}): Promise<string> {
    const token = this.#token;
    if (!refresh && token !== undefined && this.#options.clock.now() < token.until) return token.text;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return await this.#asking;
  }

  async #ask(): Promise<string> {
    const { clock, proxy, isolation, read, store } = this.#options;
    const secret = read();
    const { tokenUrl, clientId, clientSecret, refreshToken, ca } = secret;
    const { status, body } = await askHttps(tokenUrl, {
      form: {
        grant_type: "refresh_token",
        refresh_token: refreshToken,
        client_id: clientId,
        ...(clientSecret !== undefined && { client_secret: clientSecret }),
      },
      ca,
      proxy,
      isolation,
      timeout: TOKEN_PATIENCE,
      limit: MAX_TOKEN_ANSWER,
    });
    const answer = parseTokenAnswer(body);
    const { access_token: text, expires_in: seconds, refresh_token: next } = answer;
    if (status === 200 && typeof text === "string" && text !== "") {
      const life = typeof seconds === "number" && seconds > 0 ? seconds * 1_000 : 300_000;
      this.#token = { text, until: clock.now() + life - Math.min(TOKEN_MARGIN, life / 2) };
      if (typeof next === "string" && next !== "" && next !== refreshToken) store({ ...secret, refreshToken: next });
      return text;
    }
    const words = saidBy(answer) ?? `status ${status}`;
    // RFC 6749 section 5.2: these do not get better by themselves.
    if (["invalid_grant", "invalid_client", "unauthorized_client"].includes(String(answer["error"])))
      throw new Failure(
        "forbidden",
        `your provider wants you to sign in again (${words}): postern gateway password ADDRESS --sign-in`,
      );
    throw new Failure("unavailable", `your provider gives no access token just now: ${words}`);
  }
}

/** Why a token server gave none, in its words (RFC 6749 section 5.2). */
export function saidBy(answer: Readonly<Record<string, unknown>>): string | undefined {
  const said = [answer["error_description"], answer["error"]].find((each) => typeof each === "string");
  return typeof said === "string" ? shown(said) : undefined;
}

export function parseTokenAnswer(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
