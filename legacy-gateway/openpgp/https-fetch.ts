import { randomBytes } from "node:crypto";
import { request } from "node:https";
import { connect as connectTls } from "node:tls";
import { errorCode } from "../../foundation/failure.ts";
import type { SocksProxy } from "../../foundation/proxy-url.ts";
import { socksConnection } from "../../foundation/socks.ts";
import type { FetchKey } from "./key-lookup.ts";
import { LOOKUP_PATIENCE, MAX_LOOKUP_ANSWER } from "./limits.ts";

/**
 * HTTPS with the system's authorities, one connection for each question, no redirections (they would lead elsewhere than
 * the address says), no user agent. Through the proxy where there is one, each question on a circuit of its own; then
 * nothing is looked up here.
 */
export function httpsFetch(proxy: SocksProxy | undefined): FetchKey {
  return async (url) => {
    const { hostname: host, port } = new URL(url);
    const destination = { host, port: port === "" ? 443 : Number(port) };
    const signal = AbortSignal.timeout(LOOKUP_PATIENCE);
    try {
      if (proxy === undefined) return await get(url, undefined, signal);
      const user = randomBytes(16).toString("hex");
      const socket = await socksConnection(proxy, destination, { user, timeout: LOOKUP_PATIENCE, signal });
      const secured = connectTls({ socket, servername: host, ALPNProtocols: ["http/1.1"] });
      return await get(url, secured, signal);
    } catch (error) {
      // A proxy does not say whether a name exists: that the host cannot be reached has to do.
      if (["ENOTFOUND", "ENODATA"].includes(errorCode(error))) return "nowhere";
      if (proxy !== undefined && isRefusedByProxy(error)) return "nowhere";
      throw error;
    }
  };
}

/** What the socks package says where the proxy could not make the way. */
function isRefusedByProxy(error: unknown): boolean {
  return /HostUnreachable|NetworkUnreachable|Socks5 proxy rejected/i.test(error instanceof Error ? error.message : "");
}

async function get(
  url: string,
  socket: ReturnType<typeof connectTls> | undefined,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  return await new Promise((resolve, reject) => {
    const asking = request(
      url,
      { agent: false, signal, headers: { Accept: "*/*" }, ...(socket && { createConnection: () => socket }) },
      (answer) => {
        const chunks: Buffer[] = [];
        let length = 0;
        answer.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length > MAX_LOOKUP_ANSWER) asking.destroy(new Error("the answer is longer than a key"));
          else chunks.push(chunk);
        });
        answer.once("error", reject);
        answer.once("end", () => resolve(answer.statusCode === 200 ? Buffer.concat(chunks) : undefined));
      },
    );
    asking.once("error", reject);
    asking.end();
  });
}
