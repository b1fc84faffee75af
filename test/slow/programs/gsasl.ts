import { mkdirSync } from "node:fs";
import type { MailAccount } from "./mail-account.ts";
import { type ProgramResult, programPath, run } from "./program.ts";

export interface GsaslOptions {
  readonly account: MailAccount;
  /** A folder of its own. */
  readonly home: string;
  readonly mechanism: string;
  /** Uses what the TLS connection offers to bind to; true unless given. */
  readonly channelBinding?: boolean;
  readonly authorization?: string;
}

/** Logs in over STARTTLS with GNU SASL's own IMAP client, and out again. Its output is the dialogue. */
export async function gsasl(options: GsaslOptions): Promise<ProgramResult> {
  const { account, home, mechanism, channelBinding = true, authorization } = options;
  const path = programPath("gsasl", "gsasl");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const args = ["--client", "--imap", "--starttls", `--mechanism=${mechanism}`];
  args.push(`--connect=localhost:${account.imap.port}`, `--x509-ca-file=${account.caFile}`);
  args.push(`--authentication-id=${account.user}`, `--password=${account.password}`);
  if (!channelBinding) args.push("--no-cb");
  if (authorization !== undefined) args.push(`--authorization-id=${authorization}`);
  return await run(path, args, { home, patience: 30_000 });
}
