import type { Security } from "../accounts/account.ts";
import type { FoundServers } from "./autoconfig.ts";

type Place = readonly [host: string, port: number, security: Security];

/** Providers with many users whose own domain does not tell of its servers, by what their help pages say. */
const KNOWN: readonly { readonly domains: string; readonly imap: Place; readonly smtp: Place }[] = [
  {
    domains: "gmail.com googlemail.com",
    imap: ["imap.gmail.com", 993, "tls"],
    smtp: ["smtp.gmail.com", 465, "tls"],
  },
  {
    domains: "outlook.com hotmail.com live.com msn.com",
    imap: ["outlook.office365.com", 993, "tls"],
    smtp: ["smtp-mail.outlook.com", 587, "starttls"],
  },
  {
    domains: "icloud.com me.com mac.com",
    imap: ["imap.mail.me.com", 993, "tls"],
    smtp: ["smtp.mail.me.com", 587, "starttls"],
  },
  { domains: "yahoo.com", imap: ["imap.mail.yahoo.com", 993, "tls"], smtp: ["smtp.mail.yahoo.com", 465, "tls"] },
  { domains: "aol.com", imap: ["imap.aol.com", 993, "tls"], smtp: ["smtp.aol.com", 465, "tls"] },
  {
    domains: "gmx.net gmx.de gmx.at gmx.ch",
    imap: ["imap.gmx.net", 993, "tls"],
    smtp: ["mail.gmx.net", 465, "tls"],
  },
  { domains: "gmx.com", imap: ["imap.gmx.com", 993, "tls"], smtp: ["mail.gmx.com", 465, "tls"] },
];

/** Nobody is asked. */
export function knownProvider(address: string, domain: string): FoundServers | undefined {
  const known = KNOWN.find(({ domains }) => domains.split(" ").includes(domain));
  if (known === undefined) return undefined;
  const server = ([host, port, security]: Place) => ({ host, port, security, user: address });
  return { imap: server(known.imap), smtp: server(known.smtp) };
}
