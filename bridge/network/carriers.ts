import { equalConstantTime } from "../../foundation/bytes.ts";
import { systemClock } from "../../foundation/clock.ts";
import { formatProxyUrl } from "../../foundation/proxy-url.ts";
import type { Carrier } from "../../overlay-adapter/carriers/carrier.ts";
import { entryCarrier } from "../../overlay-adapter/carriers/entry-carrier.ts";
import { dummiesCarrier, scheduledCarrier } from "../../overlay-adapter/carriers/scheduled-carrier.ts";
import { socksCarrier } from "../../overlay-adapter/carriers/socks-carrier.ts";
import { tlsCarrier } from "../../overlay-adapter/carriers/tls-carrier.ts";
import type { ClientStream } from "../../relay/connection.ts";
import { parseRelayUrl, type RelayAddress } from "../../relay/relay-url.ts";
import type { Config } from "../config.ts";
import type { HostPort } from "../host-port.ts";

/** Both ways, as the settings' mode has them used. */
export interface Carriers {
  readonly carrier: Carrier;
  /** To contacts' relays, if that is another. */
  readonly sendingCarrier: Carrier | undefined;
}

/** The relay that this bridge reads from. */
export interface OwnRelay {
  /** As contacts are told, with the token. */
  readonly address: RelayAddress;
  /** If it runs in this process. */
  readonly here?: {
    readonly listens: HostPort;
    /** @throws Failure unavailable */
    readonly open: () => ClientStream;
  };
}

/** How relays are reached, for a person and for programs. */
export interface RouteView {
  readonly via: "direct" | "socks5";
  readonly proxy?: string;
  /** Hosts of the entry relays that lead to contacts' relays. */
  readonly entries?: readonly string[];
  /** Whether an observer of the network can tell mail from silence. */
  readonly mode: "instant" | "scheduled";
  /** False: relays that the bridge connects to see its network address; with entry relays, these and the own one alone. */
  readonly hidesIp: boolean;
}

/** The ways to relays that the settings name, and how they are used. */
export function composeCarriers(config: Pick<Config, "proxy" | "entries" | "cover">, own: OwnRelay): Carriers {
  const { mode, interval } = config.cover;
  const options = { mean: interval * 1_000, clock: systemClock };
  const covered = (carrier: Carrier): Carrier =>
    mode === "scheduled" ? scheduledCarrier(carrier, options) : dummiesCarrier(carrier, options);
  const carrier = composeCarrier(config, own);
  const sending = composeSendingCarrier(config, carrier);
  return { carrier: covered(carrier), sendingCarrier: sending && covered(sending) };
}

/** The way to relays that the settings name. */
export function composeCarrier(config: Pick<Config, "proxy">, own: OwnRelay): Carrier {
  const elsewhere = config.proxy === undefined ? tlsCarrier() : socksCarrier({ proxy: config.proxy });
  return own.here === undefined ? elsewhere : withOwnRelay(elsewhere, own.address.pin, own.here.open);
}

/** The way to contacts' relays, if it is another: through the entry relays of the settings. */
export function composeSendingCarrier({ entries }: Pick<Config, "entries">, carrier: Carrier): Carrier | undefined {
  if (entries === undefined) return undefined;
  return entryCarrier({ entries: entries.map(parseRelayUrl), through: carrier });
}

export function routeOf({ proxy, entries, cover }: Pick<Config, "proxy" | "entries" | "cover">): RouteView {
  return {
    via: proxy === undefined ? "direct" : "socks5",
    ...(proxy && { proxy: formatProxyUrl(proxy) }),
    ...(entries && { entries: entries.map((entry) => parseRelayUrl(entry).host) }),
    mode: cover.mode,
    hidesIp: proxy !== undefined,
  };
}

export function describeMode(mode: RouteView["mode"]): string {
  return mode === "instant"
    ? "instant: letters go at once; who watches the network sees when"
    : "scheduled: blocks at random times, whether there is mail or not";
}

export function describeRoute(route: RouteView): string {
  const base =
    route.proxy === undefined
      ? "directly: they see this machine's network address"
      : `through the proxy ${route.proxy}, never around it`;
  if (route.entries === undefined) return base;
  return `contacts' through ${route.entries.join(" or ")}, never around it\nyour own and the entry relay ${base}`;
}

/** The own relay, in this very process, is reached without network and TLS, and without any proxy. */
function withOwnRelay(elsewhere: Carrier, pin: Buffer, open: () => ClientStream): Carrier {
  return {
    properties: elsewhere.properties,
    async open(relay, options) {
      if (!equalConstantTime(relay.pin, pin)) return await elsewhere.open(relay, options);
      const { stream, exporter } = open();
      return { stream, exporter: () => exporter, properties: elsewhere.properties };
    },
  };
}

/** The address by which this machine reaches what listens on all of its addresses. */
export function reachedHere({ host, port }: HostPort): HostPort {
  if (host === "0.0.0.0") return { host: "127.0.0.1", port };
  return { host: host === "::" ? "::1" : host, port };
}
