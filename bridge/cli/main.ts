#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { EXIT_STATUS, reportFailure } from "./output.ts";

/** In the order of the help. A command's code is loaded when it is named: most need little of the bridge. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  start: async () => (await import("./command/start.ts")).addStartCommand,
  init: async () => (await import("./command/init.ts")).addInitCommand,
  run: async () => (await import("./command/run.ts")).addRunCommand,
  invite: async () => (await import("./command/invite.ts")).addInviteCommand,
  accept: async () => (await import("./command/accept.ts")).addAcceptCommand,
  pair: async () => (await import("./command/pair.ts")).addPairCommand,
  introduce: async () => (await import("./command/introduce.ts")).addIntroduceCommand,
  contacts: async () => (await import("./command/contacts.ts")).addContactsCommand,
  verify: async () => (await import("./command/verify.ts")).addVerifyCommand,
  "app-password": async () => (await import("./command/app-password.ts")).addAppPasswordCommand,
  status: async () => (await import("./command/status.ts")).addStatusCommand,
  queue: async () => (await import("./command/queue.ts")).addQueueCommand,
  import: async () => (await import("./command/import.ts")).addImportCommand,
  export: async () => (await import("./command/export.ts")).addExportCommand,
  doctor: async () => (await import("./command/doctor.ts")).addDoctorCommand,
  "paper-key": async () => (await import("./command/paper-key.ts")).addPaperKeyCommand,
  revoke: async () => (await import("./command/revoke.ts")).addRevokeCommand,
  recover: async () => (await import("./command/recover.ts")).addRecoverCommand,
  gateway: async () => (await import("./command/gateway.ts")).addGatewayCommand,
  relay: async () => (await import("./command/relay.ts")).addRelayCommand,
  carry: async () => (await import("./command/carry.ts")).addCarryCommand,
};

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

const [, , first = ""] = process.argv;
const named = Object.hasOwn(COMMANDS, first) ? [COMMANDS[first]] : Object.values(COMMANDS);
for (const load of named) (await load?.())?.(program);

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
