import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { LocalMaildir } from "./local-maildir.ts";
import type { MailAccount, Security } from "./mail-account.ts";
import { type ProgramResult, programPath, run } from "./program.ts";

export interface MbsyncOptions {
  readonly account: MailAccount;
  readonly security: Security;
  /** How it may log in; it chooses unless given. */
  readonly mechanism?: string;
  /** A folder for its settings and its Maildir. */
  readonly home: string;
}

/** mbsync with a Maildir of its own, kept the same as every folder on the server, in both directions. */
export class Mbsync extends LocalMaildir {
  readonly #home: string;
  readonly #path: string;

  constructor(options: MbsyncOptions) {
    const { home } = options;
    super(join(home, "mail"));
    this.#path = programPath("mbsync", "isync");
    this.#home = home;
    writeFileSync(join(home, "mbsyncrc"), settings(options, this.maildir), { mode: 0o600 });
  }

  async sync(): Promise<ProgramResult> {
    return await run(this.#path, ["-c", join(this.#home, "mbsyncrc"), "-a"], { home: this.#home, patience: 300_000 });
  }
}

/** Its isync 1.4 compares the certificate with host names alone, never with addresses: thus `localhost`. */
function settings({ account, security, mechanism = "*" }: MbsyncOptions, maildir: string): string {
  return `
IMAPAccount bridge
Host localhost
Port ${account.imap.port}
User "${account.user}"
Pass "${account.password}"
SSLType ${security === "tls" ? "IMAPS" : "STARTTLS"}
SystemCertificates no
CertificateFile ${account.caFile}
AuthMechs ${mechanism}
Timeout 30

IMAPStore far
Account bridge

MaildirStore near
Path ${maildir}/
Inbox ${maildir}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
CopyArrivalDate yes
`;
}
