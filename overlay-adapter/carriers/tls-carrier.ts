import { Failure } from "../../foundation/failure.ts";
import type { Carrier, CarrierProperties } from "./carrier.ts";
import { pinnedStream } from "./pinned-stream.ts";

export interface TlsCarrierOptions {
  /** Milliseconds for name, connection and handshake together. */
  readonly connectTimeout?: number;
}

/** On a network that works at all, an answer comes within this. */
const MAX_LATENCY = 30_000;
/** A network that drops everything should show before a person gives up waiting. */
const CONNECT_TIMEOUT = 15_000;

/** Straight over TCP and TLS 1.3; the relay sees this machine's address. */
export function tlsCarrier({ connectTimeout = CONNECT_TIMEOUT }: TlsCarrierOptions = {}): Carrier {
  const properties: CarrierProperties = { duplex: true, maxLatency: MAX_LATENCY, hidesIp: false, isolates: false };
  return {
    properties,
    async open(relay, { signal } = {}) {
      // RFC 7686 section 2: who does not speak Tor must not ask the DNS for such a name, which would tell of it.
      if (relay.host.endsWith(".onion"))
        throw new Failure(
          "unavailable",
          `${relay.host} is reached through Tor alone: set proxy = "socks5://127.0.0.1:9050" in [overlay] of config.toml`,
        );
      return await pinnedStream(relay, { properties, timeout: connectTimeout, signal });
    },
  };
}
