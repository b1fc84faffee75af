import { resolve } from "node:path";
import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { isAccountUrl } from "../../../maildir/import/account/account-url.ts";
import { interruptible } from "../interruption.ts";
import { showingProgress } from "../progress.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions, type Invocation } from "./options.ts";

/** What can be said of an import; accounts take more than files do. */
export interface ImportCommandOptions extends CommonOptions {
  readonly folder?: readonly string[];
  readonly into?: string;
  readonly passwordFile?: string;
  readonly ca?: string;
  readonly plaintext?: boolean;
  readonly dryRun?: boolean;
}

export function addImportCommand(program: Command): void {
  addCommand<ImportCommandOptions>(
    program,
    "import <source>",
    "Take letters from an .eml file, a folder of them, an mbox, a Maildir, or a whole IMAP account, with flags and dates. What was imported before is not added again: an import that was interrupted is simply run again.",
    [
      "postern import ~/Mail/archive.mbox --folder Archive",
      "postern import letter.eml --folder INBOX --json",
      "postern import imaps://ann@mail.example.org --dry-run",
      "postern import imaps://ann@mail.example.org --into 'Old account'",
      "postern import imaps://ann@mail.example.org/Projects --password-file ~/.old-password",
      "pass show old-mail | postern import imaps://ann@mail.example.org --folder INBOX --folder Sent",
    ],
    (command) =>
      command
        .option(
          "--folder <name>",
          "of a file: the folder that takes it, made if it is not there; of an account: only this folder (may be repeated)",
          (name: string, names: readonly string[] | undefined): readonly string[] | undefined => [
            ...(names ?? []),
            name,
          ],
        )
        .option(
          "--into <folder>",
          "of an account: put its folders below this one (default: beside ours, INBOX to INBOX)",
        )
        .option(
          "--password-file <file>",
          "of an account: its first line is the password; else it is asked for, or read from standard input",
        )
        .option("--ca <file>", "of an account: certificates (PEM) to trust instead of the system's")
        .option(
          "--plaintext",
          "of an account at imap://: without TLS; your password and letters can be read on the way",
        )
        .option("--dry-run", "of an account: show what would come, and where to; nothing is stored"),
    async (invocation, options, source = "") => {
      if (!isAccountUrl(source)) return await importFromFile(invocation, source, options);
      const { importFromAccount } = await import("../import-from-account.ts");
      await importFromAccount(invocation, source, options);
    },
  );
}

async function importFromFile(invocation: Invocation, source: string, options: ImportCommandOptions): Promise<void> {
  const { folder: [folder, ...more] = [], into, passwordFile, ca, plaintext, dryRun } = options;
  if ([into, passwordFile, ca, plaintext, dryRun].some((option) => option !== undefined))
    throw new Failure("invalid", "that option is for accounts (imaps://user@host): see postern import --help");
  if (folder === undefined || more.length > 0)
    throw new Failure("invalid", "name the one folder that takes the letters with --folder");
  const { output } = invocation;
  const done = await interruptible("what came so far is kept; the same command goes on from there", (signal) =>
    withOperations(invocation, (operations) =>
      showingProgress(output, (onProgress) =>
        operations.importMail({ path: resolve(source), folder }, onProgress, signal),
      ),
    ),
  );
  const tooBig = done.tooBig === 0 ? "" : ` ${done.tooBig} are too big to be kept.`;
  const before = done.done - done.added - done.tooBig;
  output.result(
    done,
    `${done.added} of ${done.done} letters added to ${folder}; ${before} were there already.${tooBig}`,
  );
}
