import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import type { Duplex } from "node:stream";
import { Failure } from "../foundation/failure.ts";
import { openPinnedTls } from "../foundation/pinned-tls.ts";
import type { Counters } from "./counters.ts";
import type { RelayLimits } from "./limits.ts";
import { formatRelayUrl, parseRelayUrl, type RelayAddress } from "./relay-url.ts";
import type { RefusalReason } from "./wire/answer.ts";
import { requestCarried } from "./wire/carried-client.ts";
import type { Forward } from "./wire/forward.ts";

/** Where a relay leads strangers: nowhere, to relays on the public internet, or to any, private networks included. */
export type ForwardPolicy = "none" | "public" | "any";

type ForwardLimits = Pick<RelayLimits, "forwards" | "forwardsPerSource" | "forwardTimeout">;

/**
 * Leads strangers to other relays, and to nothing else: the other end must hold the pinned key in TLS 1.3, speak the
 * relay protocol and agree to a tunnel. What is carried is blocks of one size, which this relay cannot open.
 */
export class Forwarder {
  readonly #policy: ForwardPolicy;
  readonly #limits: ForwardLimits;
  readonly #counters: Counters;
  readonly #bySource = new Map<string, number>();
  #open = 0;

  constructor(policy: ForwardPolicy, limits: ForwardLimits, counters: Counters) {
    this.#policy = policy;
    this.#limits = limits;
    this.#counters = counters;
  }

  /** `source` is where the stranger comes from; undefined for this machine itself, which stands for a proxy. */
  async open(command: Forward, source: string | undefined): Promise<Duplex | RefusalReason> {
    const target = this.#policy === "none" ? undefined : addressOf(command);
    if (target === undefined) return "forbidden";
    const ofSource = source === undefined ? 0 : (this.#bySource.get(source) ?? 0);
    if (this.#open >= this.#limits.forwards || ofSource >= this.#limits.forwardsPerSource) return "full";
    this.#count(source, 1);
    try {
      const opened = await this.#connect(target);
      if (typeof opened === "string") {
        this.#count(source, -1);
        return opened;
      }
      this.#counters.add("forwards");
      opened.once("close", () => this.#count(source, -1));
      return opened;
    } catch (error) {
      this.#count(source, -1);
      if (error instanceof Failure) return "retry";
      throw error;
    }
  }

  async #connect(target: RelayAddress): Promise<Duplex | RefusalReason> {
    const host = await resolved(target.host);
    if (host === undefined) return "retry";
    // Looked at after the name was resolved, and that very address is used: a name cannot change in between.
    if (this.#policy === "public" && !isPublic(host)) return "forbidden";
    const signal = AbortSignal.timeout(this.#limits.forwardTimeout);
    const stream = await openPinnedTls({ ...target, host }, { timeout: this.#limits.forwardTimeout, signal });
    const late = (): void => void stream.destroy();
    signal.addEventListener("abort", late);
    const carried = await requestCarried(stream, { kind: "tunnel" });
    signal.removeEventListener("abort", late);
    return carried === "closed" || typeof carried === "string" ? "retry" : carried;
  }

  #count(source: string | undefined, change: 1 | -1): void {
    this.#open += change;
    if (source === undefined) return;
    const count = (this.#bySource.get(source) ?? 0) + change;
    if (count === 0) this.#bySource.delete(source);
    else this.#bySource.set(source, count);
  }
}

/** Undefined where it is no address of a relay. */
function addressOf({ host, port, pin }: Forward): RelayAddress | undefined {
  try {
    return parseRelayUrl(formatRelayUrl({ host, port, pin: Buffer.from(pin) }));
  } catch {
    return undefined;
  }
}

async function resolved(host: string): Promise<string | undefined> {
  // RFC 7686 section 2: such a name is not for the DNS.
  if (host.endsWith(".onion")) return undefined;
  return isIP(host) === 0
    ? lookup(host).then(
        ({ address }) => address,
        () => undefined,
      )
    : host;
}

/** IANA's special-purpose registries (RFC 6890), as far as anything could listen there. */
const SPECIAL = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  SPECIAL.addSubnet(network, prefix, "ipv4");

/** IPv6: global unicast alone (RFC 4291 section 2.4), without what embeds IPv4 addresses or documents. */
const GLOBAL6 = new BlockList();
GLOBAL6.addSubnet("2000::", 3, "ipv6");
const SPECIAL6 = new BlockList();
for (const [network, prefix] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const)
  SPECIAL6.addSubnet(network, prefix, "ipv6");

/** Whether an address is of the public internet. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !SPECIAL.check(address, "ipv4");
  return GLOBAL6.check(address, "ipv6") && !SPECIAL6.check(address, "ipv6");
}
