import { type Command, Option } from "commander";
import { type Environment, readEnvironment } from "../../config.ts";
import { type HomePaths, homePaths } from "../../home/home.ts";
import { createOutput, type Output } from "../output.ts";

/** What every command has: where the home is, and how to print. */
export interface Invocation {
  readonly environment: Environment;
  readonly paths: HomePaths;
  readonly output: Output;
}

export interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
}

/** Adds a command with `--home`, `--json` and examples; the action gets its options, and the arguments in order. */
export function addCommand<O extends CommonOptions>(
  program: Command,
  usage: string,
  description: string,
  examples: readonly string[],
  build: (command: Command) => Command,
  action: (invocation: Invocation, options: O, ...operands: string[]) => Promise<void>,
): Command {
  const command = build(program.command(usage).description(description))
    .addOption(
      new Option(
        "--home <dir>",
        "the home: everything Postern keeps (default: $POSTERN_HOME, or the XDG data directory)",
      ),
    )
    .addOption(new Option("--json", "print JSON for programs"))
    .addHelpText("after", `\nExamples:\n${examples.map((example) => `  $ ${example}\n`).join("")}`);
  command.action(async (...received: unknown[]) => {
    const options = command.opts<O>();
    const operands = received.slice(0, -2).filter((operand) => typeof operand === "string");
    const environment = readEnvironment(process.env, options.home);
    const output = createOutput(options.json ?? false);
    await action({ environment, paths: homePaths(environment.home), output }, options, ...operands);
  });
  return command;
}

/** `--imap`, `--smtp`, `--relay` and `--passphrase-file`, as `init` and `run` take them. */
export interface SettingOptions extends CommonOptions {
  readonly imap?: string;
  readonly smtp?: string;
  readonly relay?: string;
  readonly passphraseFile?: string;
}

export function settingOptions(command: Command): Command {
  return command
    .option("--imap <host:port>", "where mail programs read (default 127.0.0.1:4143; port 0: any free one)")
    .option("--smtp <host:port>", "where mail programs send (default 127.0.0.1:4587)")
    .option("--relay <url>", "a relay that somebody runs for you; without it the bridge runs its own")
    .option("--passphrase-file <file>", "a file whose first line is the passphrase of the vault");
}
