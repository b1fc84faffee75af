import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { LocalMaildir } from "./local-maildir.ts";
import type { MailAccount, Security } from "./mail-account.ts";
import { type ProgramResult, programPath, run } from "./program.ts";

/** How long a first synchronisation of ten thousand letters may take on a busy machine, in milliseconds. */
const PATIENCE = 400_000;

export interface OfflineimapOptions {
  readonly account: MailAccount;
  readonly security: Security;
  /** A folder for its settings, its notes and its Maildir. */
  readonly home: string;
}

/** OfflineIMAP with a Maildir of its own, kept the same as every folder on the server, in both directions. */
export class Offlineimap extends LocalMaildir {
  readonly #home: string;
  readonly #path: string;

  constructor(options: OfflineimapOptions) {
    const { home } = options;
    super(join(home, "mail"));
    this.#path = programPath("offlineimap", "offlineimap3");
    this.#home = home;
    writeFileSync(join(home, "offlineimaprc"), settings(options, this.maildir), { mode: 0o600 });
  }

  async sync(): Promise<ProgramResult> {
    const args = ["-c", join(this.#home, "offlineimaprc"), "-o", "-u", "basic"];
    return await run(this.#path, args, { home: this.#home, patience: PATIENCE });
  }
}

/** It compares the certificate with host names alone, never with addresses: thus `localhost`. */
function settings({ account, security }: OfflineimapOptions, maildir: string): string {
  return `
[general]
metadata = ${join(maildir, "..", "notes")}
accounts = bridge
socktimeout = 120
fsync = False

[Account bridge]
localrepository = near
remoterepository = far
utf8foldernames = yes

[Repository near]
type = Maildir
localfolders = ${maildir}
sep = /

[Repository far]
type = IMAP
remotehost = localhost
remoteport = ${account.imap.port}
remoteuser = ${account.user}
remotepass = ${account.password}
ssl = ${security === "tls" ? "yes" : "no"}
starttls = ${security === "starttls" ? "yes" : "no"}
sslcacertfile = ${account.caFile}
`;
}
