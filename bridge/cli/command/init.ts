import type { Command } from "commander";
import { readConfig } from "../../config.ts";
import { type InitResult, initHome } from "../../home/init.ts";
import { formatHostPort } from "../../host-port.ts";
import { applySettings } from "../../settings.ts";
import { addCommand, type Invocation, type SettingOptions, settingOptions } from "./options.ts";

/** What to type into a mail program, and what to do about the paper key. */
export function describeInit(result: InitResult): string {
  return [
    describeAccount(result),
    "Write down your paper key soon (postern paper-key): without it, a lost disk is a lost identity.",
  ].join("\n");
}

/** What to type into a mail program. */
export function describeAccount(result: InitResult): string {
  return [
    "Your mail program needs this; the password is shown only now:",
    "",
    `  e-mail address  ${result.address}`,
    `  user            ${result.user}`,
    `  password        ${result.appPassword}`,
    `  IMAP            ${formatHostPort(result.imap)}   (TLS or STARTTLS)`,
    `  SMTP            ${formatHostPort(result.smtp)}   (TLS or STARTTLS)`,
    `  certificate     ${result.caFile}`,
    `                  SHA-256 ${result.caFingerprint}`,
    "",
    `  ${describeKeySlot(result)}`,
    "",
    ...(result.warnings ?? []).flatMap((warning) => [`  Beware: ${warning}.`, ""]),
  ].join("\n");
}

function describeKeySlot({ keyFile, passphraseFile }: InitResult): string {
  if (keyFile !== undefined) return `The vault opens at start with the key file ${keyFile}.`;
  if (passphraseFile !== undefined) return `The vault opens at start with the passphrase in ${passphraseFile}.`;
  return "The vault opens when a mail program logs in.";
}

/** Makes the home as the options and its config.toml say. */
export async function initFromOptions(invocation: Invocation, options: SettingOptions): Promise<InitResult> {
  const config = applySettings(await readConfig(invocation.environment.home), options);
  return await initHome({ environment: invocation.environment, paths: invocation.paths, config });
}

export function addInitCommand(program: Command): void {
  addCommand<SettingOptions>(
    program,
    "init",
    "Make a new identity, vault, mailbox and certificate in the home. It asks nothing.",
    [
      "postern init",
      "postern init --home ~/mail --imap 127.0.0.1:0 --smtp 127.0.0.1:0 --json",
      "postern init --relay postern-relay://TOKEN@relay.example:4523/PIN --passphrase-file ~/.secret",
    ],
    settingOptions,
    async (invocation, options) => {
      const result = await initFromOptions(invocation, options);
      invocation.output.result(result, describeInit(result));
    },
  );
}
