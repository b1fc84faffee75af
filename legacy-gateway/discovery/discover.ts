import { resolveSrv } from "node:dns/promises";
import { Failure } from "../../foundation/failure.ts";
import type { SocksProxy } from "../../foundation/proxy-url.ts";
import type { Security } from "../accounts/account.ts";
import { DISCOVERY_PATIENCE, MAX_AUTOCONFIG } from "../limits.ts";
import { askHttps } from "../provider/https.ts";
import { type FoundServer, type FoundServers, isHostName, parseAutoconfig } from "./autoconfig.ts";
import { knownProvider } from "./known-providers.ts";

/** What discovery asks the world with; tests bring their own. */
export interface DiscoveryPorts {
  /** The body of an https URL; undefined where there is none. */
  readonly fetch: (url: string) => Promise<string | undefined>;
  /** SRV records in the order of their priority; absent where names must not be looked up here. */
  readonly srv?: (name: string) => Promise<readonly { readonly host: string; readonly port: number }[]>;
  /** Whether the server greets as IMAP or SMTP servers do, with TLS and a certificate of its name. */
  readonly answers: (kind: "imap" | "smtp", host: string, port: number) => Promise<boolean>;
}

/**
 * Finds the servers of an address, in this order: the domain's autoconfig file, its SRV records (RFC 6186), what is known
 * of large providers, names that are common. Nobody but the address's own domain is asked.
 * @throws Failure nonexistent, saying what to do
 */
export async function discoverServers(address: string, ports: DiscoveryPorts): Promise<FoundServers> {
  const domain = address.slice(address.lastIndexOf("@") + 1).toLowerCase();
  if (!isHostName(domain) || !domain.includes("."))
    throw new Failure("nonexistent", `${domain} is no domain that could be asked: name the server with --imap-host`);
  const found =
    (await fromAutoconfig(address, domain, ports)) ??
    (await fromSrv(address, domain, ports)) ??
    knownProvider(address, domain) ??
    (await fromGuesses(address, domain, ports));
  if (found === undefined)
    throw new Failure(
      "nonexistent",
      `no mail server of ${domain} was found: look for "IMAP" in your provider's help, and name it with --imap-host and --smtp-host`,
    );
  return found;
}

async function fromAutoconfig(
  address: string,
  domain: string,
  { fetch }: DiscoveryPorts,
): Promise<FoundServers | undefined> {
  const query = `?emailaddress=${encodeURIComponent(address)}`;
  for (const url of [
    `https://autoconfig.${domain}/mail/config-v1.1.xml${query}`,
    `https://${domain}/.well-known/autoconfig/mail/config-v1.1.xml`,
  ]) {
    const xml = await fetch(url);
    const found = xml === undefined ? undefined : parseAutoconfig(xml, address);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Services of RFC 6186 section 3 and RFC 8314 section 5.1, the safer first. */
const SERVICES: Readonly<Record<"imap" | "smtp", readonly (readonly [service: string, security: Security])[]>> = {
  imap: [
    ["_imaps._tcp", "tls"],
    ["_imap._tcp", "starttls"],
  ],
  smtp: [
    ["_submissions._tcp", "tls"],
    ["_submission._tcp", "starttls"],
  ],
};

async function fromSrv(user: string, domain: string, { srv }: DiscoveryPorts): Promise<FoundServers | undefined> {
  if (srv === undefined) return undefined;
  const find = async (kind: "imap" | "smtp"): Promise<FoundServer | undefined> => {
    for (const [service, security] of SERVICES[kind]) {
      const [best] = await srv(`${service}.${domain}`);
      if (best === undefined || !isHostName(best.host)) continue;
      const host = best.host.toLowerCase().replace(/\.$/, "");
      // RFC 6186 section 6: DNS can be forged, and a certificate of another domain proves nothing about this one.
      if (host !== domain && !host.endsWith(`.${domain}`))
        throw new Failure(
          "forbidden",
          `the DNS names ${host} as mail server of ${domain}, which nothing proves: if that is your provider, say so with --${kind}-host ${host}`,
        );
      return { host, port: best.port, security, user };
    }
    return undefined;
  };
  const imap = await find("imap");
  if (imap === undefined) return undefined;
  const smtp = await find("smtp");
  return { imap, ...(smtp && { smtp }) };
}

async function fromGuesses(
  user: string,
  domain: string,
  { answers }: DiscoveryPorts,
): Promise<FoundServers | undefined> {
  const first = async (
    kind: "imap" | "smtp",
    hosts: readonly string[],
    port: number,
  ): Promise<FoundServer | undefined> => {
    for (const host of hosts) if (await answers(kind, host, port)) return { host, port, security: "tls", user };
    return undefined;
  };
  const imap = await first("imap", [`imap.${domain}`, `mail.${domain}`, domain], 993);
  if (imap === undefined) return undefined;
  const smtp = await first("smtp", [`smtp.${domain}`, `mail.${domain}`, domain], 465);
  return { imap, ...(smtp && { smtp }) };
}

/** The real world, through the proxy where there is one: then no name is looked up here. */
export function worldPorts(options: {
  readonly proxy: SocksProxy | undefined;
  readonly isolation: string;
  readonly signal: AbortSignal | undefined;
  readonly answers: DiscoveryPorts["answers"];
}): DiscoveryPorts {
  const { proxy, isolation, signal, answers } = options;
  const ask = { proxy, isolation, signal, timeout: DISCOVERY_PATIENCE, limit: MAX_AUTOCONFIG };
  return {
    answers,
    async fetch(url) {
      try {
        const answer = await askHttps(url, ask);
        const moved = answer.status >= 301 && answer.status <= 308 ? answer.location : undefined;
        const { status, body } = moved === undefined ? answer : await askHttps(new URL(moved, url).href, ask);
        return status === 200 ? body : undefined;
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof Failure) return undefined;
        throw error;
      }
    },
    ...(proxy === undefined && {
      async srv(name: string) {
        const records = await resolveSrv(name).catch(() => []);
        return records
          .filter(({ name: host }) => host !== "" && host !== ".")
          .sort((a, b) => a.priority - b.priority || b.weight - a.weight)
          .map(({ name: host, port }) => ({ host, port }));
      },
    }),
  };
}
