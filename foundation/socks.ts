import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { SocksClient } from "socks";
import { Failure } from "./failure.ts";
import { formatProxyUrl, type SocksProxy } from "./proxy-url.ts";

export interface SocksOptions {
  /** Streams of different names share nothing in the proxy: Tor gives each circuits of its own (IsolateSOCKSAuth). */
  readonly user: string;
  /** Milliseconds for the proxy's way to the destination. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/** A proxy that does not even accept a connection is not there; milliseconds. */
const PROXY_TIMEOUT = 5_000;

/**
 * A connection that a SOCKS5 proxy (RFC 1928, with a user name as in RFC 1929) has made. The host goes to the proxy as it
 * is, so nothing is looked up here, and there is no other way.
 * @throws Failure("unavailable") where the proxy does not answer; what the proxy, or the signal, says otherwise
 */
export async function socksConnection(
  proxy: SocksProxy,
  { host, port }: { readonly host: string; readonly port: number },
  { user, timeout, signal }: SocksOptions,
): Promise<Socket> {
  const socket = await proxyConnection(proxy, signal);
  const abort = (): void => void socket.destroy();
  signal?.addEventListener("abort", abort);
  try {
    await SocksClient.createConnection({
      existing_socket: socket,
      proxy: { host: proxy.host, port: proxy.port, type: 5, userId: user, password: "postern" },
      command: "connect",
      destination: { host, port },
      timeout,
    });
    return socket;
  } catch (error) {
    socket.destroy();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

async function proxyConnection(proxy: SocksProxy, signal: AbortSignal | undefined): Promise<Socket> {
  const socket = connect({ host: proxy.host, port: proxy.port, noDelay: true });
  // An error that comes when nobody waits any more, between two steps, must not end the process.
  socket.on("error", () => socket.destroy());
  const timely = AbortSignal.timeout(PROXY_TIMEOUT);
  try {
    await once(socket, "connect", { signal: signal === undefined ? timely : AbortSignal.any([signal, timely]) });
    return socket;
  } catch (cause) {
    socket.destroy();
    throw new Failure(
      "unavailable",
      `the proxy ${formatProxyUrl(proxy)} does not answer: is Tor running? Nothing is sent around it`,
      { cause },
    );
  }
}
