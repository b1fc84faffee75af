import type { Person } from "../../../rig/person.ts";
import type { Place } from "../../../rig/postern-process.ts";

/** How a mail program protects its connections; each front takes both on one port. */
export type Security = "tls" | "starttls";

/** What somebody types into a mail program. */
export interface MailAccount {
  readonly address: string;
  readonly user: string;
  readonly password: string;
  readonly imap: Place;
  readonly smtp: Place;
  /** PEM file with the one certificate authority that the program is to trust. */
  readonly caFile: string;
}

/** The account on a bridge that runs. */
export function mailAccount({ account, bridge }: Person): MailAccount {
  return {
    address: account.address,
    user: account.user,
    password: account.appPassword,
    imap: bridge.place("imap"),
    smtp: bridge.place("smtp"),
    caFile: account.caFile,
  };
}
