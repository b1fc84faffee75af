import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MailAccount, Security } from "./mail-account.ts";
import { type ProgramResult, programPath, run } from "./program.ts";

export interface CurlOptions {
  readonly account: MailAccount;
  readonly security: Security;
  /** A folder for its settings. */
  readonly home: string;
}

/** Asks the IMAP front by curl; `path` is what follows the port in an IMAP URL (RFC 5092). */
export async function curlImap(options: CurlOptions, path: string, ...more: string[]): Promise<ProgramResult> {
  const { account, security } = options;
  const scheme = security === "tls" ? "imaps" : "imap";
  return await curl(options, `${scheme}://${account.imap.host}:${account.imap.port}/${path}`, ...more);
}

/** Sends a letter by curl. */
export async function curlSmtp(options: CurlOptions, recipient: string, letter: Uint8Array): Promise<ProgramResult> {
  const { account, security, home } = options;
  const scheme = security === "tls" ? "smtps" : "smtp";
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(join(home, "letter"), letter);
  const envelope = ["--mail-from", account.address, "--mail-rcpt", recipient, "--upload-file", join(home, "letter")];
  return await curl(options, `${scheme}://${account.smtp.host}:${account.smtp.port}`, ...envelope);
}

async function curl({ account, security, home }: CurlOptions, url: string, ...more: string[]): Promise<ProgramResult> {
  const path = programPath("curl", "curl");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  // In a file, so that the password does not stand in the list of processes.
  writeFileSync(join(home, "curlrc"), `user = "${account.user}:${account.password}"\n`, { mode: 0o600 });
  const tls = ["--cacert", account.caFile, ...(security === "starttls" ? ["--ssl-reqd"] : [])];
  const quiet = ["--silent", "--show-error", "--max-time", "30"];
  const args = ["--config", join(home, "curlrc"), ...quiet, ...tls, url, ...more];
  // Longer than any --max-time: curl says better what it waited for.
  return await run(path, args, { home, patience: 310_000 });
}
