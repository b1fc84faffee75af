import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { formatHostPort } from "../../host-port.ts";
import { describeAccount } from "../describe-account.ts";
import { readPassword } from "../password.ts";
import { withOperations } from "../with-operations.ts";
import { showingPage } from "./gateway-oauth.ts";
import { namedServer, readCertificates, type ServerOptions, serverOptions } from "./gateway-servers.ts";
import { addCommand, type CommonOptions } from "./options.ts";
import { wholeNumber } from "./whole-number.ts";

interface ChangeOptions extends CommonOptions, ServerOptions {
  readonly user?: string;
  readonly deleteAfter?: string;
  readonly deleteOnceFetched?: boolean;
  readonly keep?: boolean;
  readonly sentCopy?: boolean;
}

interface PasswordOptions extends CommonOptions {
  readonly passwordFile?: string;
  readonly signIn?: boolean;
}

/** `postern gateway change` and `password`: other settings and another secret for an account that goes on. */
export function addGatewayChangeCommands(gateway: Command): void {
  addCommand<ChangeOptions>(
    gateway,
    "change <address>",
    "Change settings of an old address; what is not named stays. The bridge logs in before it keeps what has to do with that.",
    [
      "postern gateway change ann@example.org --imap-host imap2.example.org",
      "postern gateway change ann@example.org --smtp-host smtp.example.org --smtp-security starttls",
      "postern gateway change ann@example.org --proxy socks5://127.0.0.1:9050",
      "postern gateway change ann@example.org --keep --no-sent-copy",
    ],
    (command) =>
      serverOptions(command.option("--user <name>", "the login"), "known")
        .option("--delete-after <days>", "remove letters at the provider so many days after they were sealed here")
        .option("--delete-once-fetched", "remove each letter there as soon as it was sealed here and read back")
        .option("--keep", "leave letters at the provider")
        .option("--sent-copy", "file what you send in the provider's Sent folder too")
        .option("--no-sent-copy", "do not"),
    async (invocation, options, address = "") => {
      const { user, proxy, direct, sentCopy } = options;
      const ca = await readCertificates(options.ca);
      const [imap, smtp] = [namedServer("imap", options), namedServer("smtp", options)];
      const request = {
        address,
        ...(user !== undefined && { user }),
        ...(imap !== undefined && { imap }),
        ...(smtp !== undefined && { smtp }),
        ...(ca !== undefined && { ca }),
        ...(proxy !== undefined && { proxy }),
        ...(direct === true && { direct }),
        ...keepingOf(options),
        ...(sentCopy !== undefined && { sentCopy }),
      };
      const done = await withOperations(invocation, (operations) => operations.gatewayChange(request));
      const { account, tested } = done;
      const worked = tested === undefined ? "" : ` ${formatHostPort(tested.imap)} lets you in.`;
      invocation.output.result(done, `${account.address} is changed.${worked}\n    ${describeAccount(account)}`);
    },
  );

  addCommand<PasswordOptions>(
    gateway,
    "password <address>",
    "Give a new password or app password for an old address, or sign in anew. It is kept if the provider takes it.",
    [
      "postern gateway password ann@example.org",
      "pass show old-mail | postern gateway password ann@example.org",
      "postern gateway password ann@gmail.com --sign-in",
    ],
    (command) =>
      command
        .option(
          "--password-file <file>",
          "its first line is the password; else it is asked for, or read from standard input",
        )
        .option("--sign-in", "of an address that was set up with --oauth: sign in at the provider's page"),
    async (invocation, { passwordFile, signIn = false }, address = "") => {
      const password = signIn ? undefined : await readPassword(`New password of ${address}: `, passwordFile);
      const request = { address, ...(password !== undefined && { password }) };
      const done = await withOperations(invocation, (operations) =>
        operations.gatewayPassword(request, showingPage(invocation.output)),
      );
      invocation.output.result(done, `${formatHostPort(done.tested.imap)} lets you in. ${address} goes on with that.`);
    },
  );
}

function keepingOf({ deleteAfter, deleteOnceFetched = false, keep = false }: ChangeOptions) {
  if (Number(deleteAfter !== undefined) + Number(deleteOnceFetched) + Number(keep) > 1)
    throw new Failure("invalid", "choose one of --delete-after, --delete-once-fetched and --keep");
  if (keep) return { keep };
  if (deleteOnceFetched) return { deleteAfterDays: 0 };
  return deleteAfter === undefined ? {} : { deleteAfterDays: wholeNumber("--delete-after", deleteAfter) };
}
