import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { SocksClient } from "socks";
import { Failure } from "../../foundation/failure.ts";
import { unreachable } from "../../foundation/pinned-tls.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { Window } from "../window.ts";
import type { Carrier, CarrierProperties } from "./carrier.ts";
import { pinnedStream } from "./pinned-stream.ts";
import { formatProxyUrl, type SocksProxy } from "./proxy-url.ts";

export interface SocksCarrierOptions {
  readonly proxy: SocksProxy;
  /** Milliseconds for the proxy, its way to the relay, and the handshake with the relay, each. */
  readonly connectTimeout?: number;
}

/** Through three to six hops that others load, half a minute of silence is no sign of an end. */
const MAX_LATENCY = 120_000;
/** A first circuit to an onion service takes Tor 10 to 20 seconds, and a retry of its own as long again. */
const CONNECT_TIMEOUT = 60_000;
/** Streams that are being opened at a time: Tor gives up on new circuits when 32 are pending. */
const OPENING = 16;
/** A proxy that does not even accept a connection is not there. */
const PROXY_TIMEOUT = 5_000;

/**
 * TLS with pinned keys through a SOCKS5 proxy, meant for Tor. The relay's host goes to the proxy as it is, so nothing is
 * looked up here, and there is no other way: while the proxy does not answer, no relay can be reached.
 *
 * Every isolation gets a SOCKS user name of its own (RFC 1929), by which Tor gives it circuits of its own
 * (IsolateSOCKSAuth). The name is a hash under a key that changes at each start: the proxy learns no ids.
 */
export function socksCarrier({ proxy, connectTimeout = CONNECT_TIMEOUT }: SocksCarrierOptions): Carrier {
  const properties: CarrierProperties = { duplex: true, maxLatency: MAX_LATENCY, hidesIp: true, isolates: true };
  const secret = randomBytes(32);
  const opening = new Window(OPENING);
  return {
    properties,
    async open(relay, { signal, isolation = "" } = {}) {
      await opening.enter();
      try {
        const user = createHmac("sha256", secret).update(isolation).digest("base64url");
        const through = await throughProxy(proxy, relay, user, connectTimeout, signal);
        return await pinnedStream(relay, { properties, timeout: connectTimeout, signal, through });
      } finally {
        opening.leave();
      }
    },
  };
}

/** A connection to the relay that the proxy has made. @throws Failure("unavailable") */
async function throughProxy(
  proxy: SocksProxy,
  relay: RelayAddress,
  user: string,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  const socket = await proxyConnection(proxy, signal);
  const abort = (): void => void socket.destroy();
  signal?.addEventListener("abort", abort);
  try {
    await SocksClient.createConnection({
      existing_socket: socket,
      proxy: { host: proxy.host, port: proxy.port, type: 5, userId: user, password: "postern" },
      command: "connect",
      destination: { host: relay.host, port: relay.port },
      timeout,
    });
    return socket;
  } catch (error) {
    socket.destroy();
    throw unreachable(relay, signal?.aborted ? signal.reason : error);
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
