import { createHmac, randomBytes } from "node:crypto";
import { formatProxyUrl, type SocksProxy } from "../../foundation/proxy-url.ts";

/** Changes at each start, so that the proxy learns no names. */
const SECRET = randomBytes(32);

/** The SOCKS user name (RFC 1929) of an account: Tor gives each circuits of its own. */
export function isolationUser(isolation: string): string {
  return createHmac("sha256", SECRET).update(isolation).digest("base64url");
}

/** As imapflow takes it. */
export function proxyUrlOf(proxy: SocksProxy, isolation: string): string {
  return formatProxyUrl(proxy).replace("socks5://", `socks5://${isolationUser(isolation)}:postern@`);
}
