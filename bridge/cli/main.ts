#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { addAcceptCommand } from "./command/accept.ts";
import { addAppPasswordCommand } from "./command/app-password.ts";
import { addCarryCommand } from "./command/carry.ts";
import { addContactsCommand } from "./command/contacts.ts";
import { addDoctorCommand } from "./command/doctor.ts";
import { addExportCommand } from "./command/export.ts";
import { addGatewayCommand } from "./command/gateway.ts";
import { addImportCommand } from "./command/import.ts";
import { addInitCommand } from "./command/init.ts";
import { addIntroduceCommand } from "./command/introduce.ts";
import { addInviteCommand } from "./command/invite.ts";
import { addPairCommand } from "./command/pair.ts";
import { addPaperKeyCommand } from "./command/paper-key.ts";
import { addQueueCommand } from "./command/queue.ts";
import { addRecoverCommand } from "./command/recover.ts";
import { addRelayCommand } from "./command/relay.ts";
import { addRevokeCommand } from "./command/revoke.ts";
import { addRunCommand } from "./command/run.ts";
import { addStartCommand } from "./command/start.ts";
import { addStatusCommand } from "./command/status.ts";
import { addVerifyCommand } from "./command/verify.ts";
import { EXIT_STATUS, reportFailure } from "./output.ts";

const program = new Command("postern")
  .description("Private mail from the mail program you like: an IMAP and SMTP bridge to a secure overlay.")
  .version("0.1.0")
  .exitOverride()
  // What stands behind a command's name is that command's: `relay token` has `--home`, and so has `relay`.
  .enablePositionalOptions()
  .showHelpAfterError("(postern --help says what there is)")
  .addHelpText(
    "after",
    `\nExit status: 0 done; ${Object.entries(EXIT_STATUS)
      .filter(([name]) => name !== "usage")
      .map(([name, status]) => `${status} ${name}`)
      .join("; ")}.`,
  );

for (const add of [
  addStartCommand,
  addInitCommand,
  addRunCommand,
  addInviteCommand,
  addAcceptCommand,
  addPairCommand,
  addIntroduceCommand,
  addContactsCommand,
  addVerifyCommand,
  addAppPasswordCommand,
  addStatusCommand,
  addQueueCommand,
  addImportCommand,
  addExportCommand,
  addDoctorCommand,
  addPaperKeyCommand,
  addRevokeCommand,
  addRecoverCommand,
  addGatewayCommand,
  addRelayCommand,
  addCarryCommand,
])
  add(program);

// A reader that goes away (`postern contacts | head`) is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) =>
  process.exit(error.code === "EPIPE" ? 0 : EXIT_STATUS.bug),
);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_STATUS.usage;
  else process.exitCode = reportFailure(error, process.argv.includes("--json"));
}
