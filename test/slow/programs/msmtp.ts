import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MailAccount, Security } from "./mail-account.ts";
import { type ProgramResult, programPath, run } from "./program.ts";

export interface MsmtpOptions {
  readonly account: MailAccount;
  readonly security: Security;
  /** A folder for its settings. */
  readonly home: string;
}

/** Hands a letter to msmtp, which sends it to these recipients; the status is 0 once the server took it. */
export async function msmtp(
  { account, security, home }: MsmtpOptions,
  recipients: readonly string[],
  letter: Uint8Array,
): Promise<ProgramResult> {
  const path = programPath("msmtp", "msmtp");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const settings = `
account default
host ${account.smtp.host}
port ${account.smtp.port}
timeout 30
from ${account.address}
user ${account.user}
password ${account.password}
auth on
tls on
tls_starttls ${security === "starttls" ? "on" : "off"}
tls_trust_file ${account.caFile}
`;
  // msmtp refuses settings that others could read.
  writeFileSync(join(home, "msmtprc"), settings, { mode: 0o600 });
  return await run(path, ["-C", join(home, "msmtprc"), "--", ...recipients], { home, input: letter });
}
