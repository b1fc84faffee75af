import { createHmac, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { Failure } from "../../foundation/failure.ts";
import { unreachable } from "../../foundation/pinned-tls.ts";
import type { SocksProxy } from "../../foundation/proxy-url.ts";
import { socksConnection } from "../../foundation/socks.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { Window } from "../window.ts";
import type { Carrier, CarrierProperties } from "./carrier.ts";
import { pinnedStream } from "./pinned-stream.ts";

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
  try {
    return await socksConnection(proxy, relay, { user, timeout, signal });
  } catch (error) {
    throw error instanceof Failure ? error : unreachable(relay, error);
  }
}
