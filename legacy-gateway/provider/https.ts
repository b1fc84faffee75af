import { request as plainRequest } from "node:http";
import { type RequestOptions, request as tlsRequest } from "node:https";
import { connect as tlsConnect } from "node:tls";
import { Failure } from "../../foundation/failure.ts";
import { isLoopback } from "../../foundation/loopback.ts";
import type { SocksProxy } from "../../foundation/proxy-url.ts";
import { socksConnection } from "../../foundation/socks.ts";
import { isolationUser } from "./proxied.ts";
import { tlsOptions } from "./trust.ts";
import { wordsOf } from "./words.ts";

export interface HttpsOptions {
  /** A form to be posted; GET where absent. */
  readonly form?: Readonly<Record<string, string>>;
  readonly ca?: string | undefined;
  readonly proxy?: SocksProxy | undefined;
  readonly isolation: string;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  /** Octets of the answer. */
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpsAnswer {
  readonly status: number;
  readonly body: string;
  readonly location: string | undefined;
}

/**
 * Asks a web server, through the proxy where there is one; never in the clear, but on this machine. It is told nothing of
 * this program. @throws Failure unavailable, invalid (the URL)
 */
export async function askHttps(address: string, options: HttpsOptions): Promise<HttpsAnswer> {
  const url = parseUrl(address);
  const { form, ca, proxy, isolation, timeout, limit, signal } = options;
  const timely = AbortSignal.timeout(timeout);
  const both = signal === undefined ? timely : AbortSignal.any([signal, timely]);
  const body = form === undefined ? undefined : new URLSearchParams(form).toString();
  const port = url.port === "" ? 443 : Number(url.port);
  try {
    const trust = tlsOptions(ca === undefined ? {} : { ca });
    const through =
      proxy &&
      (await socksConnection(
        proxy,
        { host: url.hostname, port },
        { user: isolationUser(isolation), timeout, signal: both },
      ));
    const common: RequestOptions = {
      method: body === undefined ? "GET" : "POST",
      signal: both,
      agent: false,
      headers:
        body === undefined
          ? {}
          : { "content-type": "application/x-www-form-urlencoded", "content-length": body.length },
    };
    const secure = url.protocol === "https:";
    return await new Promise<HttpsAnswer>((resolve, reject) => {
      const request = secure
        ? tlsRequest(url, {
            ...common,
            ...trust,
            ...(through !== undefined && {
              createConnection: () => tlsConnect({ ...trust, socket: through, servername: url.hostname }),
            }),
          })
        : plainRequest(url, common);
      request.once("error", reject);
      request.once("response", (response) => {
        const pieces: Buffer[] = [];
        let octets = 0;
        response.once("error", reject);
        response.on("data", (piece: Buffer) => {
          pieces.push(piece);
          octets += piece.length;
          if (octets > limit) request.destroy(new Error("the answer is too long"));
        });
        response.once("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            body: Buffer.concat(pieces).toString("utf8"),
            location: response.headers.location,
          }),
        );
      });
      request.end(body);
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Failure) throw error;
    throw new Failure("unavailable", `${url.host} cannot be asked just now: ${wordsOf(error)}`, { cause: error });
  }
}

function parseUrl(address: string): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch (cause) {
    throw new Failure("invalid", "this is no URL: write https://...", { cause });
  }
  if (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname))) return url;
  throw new Failure("invalid", `${url.host} would be asked in the clear: write https://...`);
}
