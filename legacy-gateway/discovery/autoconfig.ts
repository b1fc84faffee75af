import type { Security } from "../accounts/account.ts";

/** A server that somebody names for an address. */
export interface FoundServer {
  readonly host: string;
  readonly port: number;
  readonly security: Security;
  /** The login there. */
  readonly user: string;
}

export interface FoundServers {
  readonly imap: FoundServer;
  readonly smtp?: FoundServer;
}

/**
 * What an autoconfig file (Thunderbird's `config-v1.1.xml`) says; undefined where it names no IMAP server with TLS. The
 * first server of each kind that has TLS counts: files list the best one first.
 */
export function parseAutoconfig(xml: string, address: string): FoundServers | undefined {
  const imap = firstServer(xml, "incomingServer", "imap", address);
  const smtp = firstServer(xml, "outgoingServer", "smtp", address);
  return imap && { imap, ...(smtp && { smtp }) };
}

function firstServer(xml: string, element: string, type: string, address: string): FoundServer | undefined {
  const blocks = xml.matchAll(new RegExp(`<${element}\\s([^>]{0,200})>([^]{0,4000}?)</${element}>`, "g"));
  for (const [, attributes = "", content = ""] of blocks) {
    if (!new RegExp(`\\btype\\s*=\\s*["']${type}["']`).test(attributes)) continue;
    const host = text(content, "hostname");
    const port = Number(text(content, "port"));
    const security = { SSL: "tls", STARTTLS: "starttls" }[text(content, "socketType")?.toUpperCase() ?? ""];
    if (host === undefined || !isHostName(host) || !(port > 0 && port < 65_536) || security === undefined) continue;
    const user = text(content, "username") ?? "%EMAILADDRESS%";
    return { host: host.toLowerCase(), port, security: security as Security, user: filled(user, address) };
  }
  return undefined;
}

function text(content: string, element: string): string | undefined {
  const found = new RegExp(`<${element}>\\s*([^<>]{1,255}?)\\s*</${element}>`).exec(content)?.[1];
  return found?.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function filled(user: string, address: string): string {
  const at = address.lastIndexOf("@");
  return user
    .replaceAll("%EMAILADDRESS%", address)
    .replaceAll("%EMAILLOCALPART%", address.slice(0, at))
    .replaceAll("%EMAILDOMAIN%", address.slice(at + 1));
}

export function isHostName(text: string): boolean {
  return /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\.?$/i.test(
    text,
  );
}
