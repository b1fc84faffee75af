import { isIP } from "node:net";
import { Failure } from "./failure.ts";

/** A SOCKS5 proxy (RFC 1928) such as Tor's. */
export interface SocksProxy {
  /** An IP address: a name would have to be looked up, and a look-up tells. */
  readonly host: string;
  readonly port: number;
}

/**
 *     proxy-url = ( "socks5://" / "socks5h://" ) ip-address ":" port
 *
 * Both mean the same here: names always go to the proxy. An IPv6 address stands in brackets.
 * @throws Failure("invalid")
 */
export function parseProxyUrl(text: string): SocksProxy {
  const match = /^socks5h?:\/\/(?:\[([^\]]+)\]|([^:/@[\]]+)):(\d{1,5})\/?$/.exec(text.trim());
  if (match === null) throw new Failure("invalid", "write it like socks5://127.0.0.1:9050");
  const host = match[1] ?? match[2] ?? "";
  const port = Number(match[3]);
  if (isIP(host) === 0)
    throw new Failure("invalid", "write the proxy's IP address (127.0.0.1), for a name would have to be looked up");
  if (port < 1 || port > 65_535) throw new Failure("invalid", "the port is not between 1 and 65535");
  return { host, port };
}

export function formatProxyUrl({ host, port }: SocksProxy): string {
  return `socks5://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
