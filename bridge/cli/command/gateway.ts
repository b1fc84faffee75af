import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { formatHostPort } from "../../host-port.ts";
import type { GatewayAccountView } from "../../operations/operations.ts";
import { describeAccount } from "../describe-account.ts";
import { readPassword } from "../password.ts";
import { withOperations } from "../with-operations.ts";
import { addGatewayChangeCommands } from "./gateway-change.ts";
import { addGatewayKeyCommand } from "./gateway-key.ts";
import { type OAuthOptions, oauthOptions, oauthRequest, showingPage } from "./gateway-oauth.ts";
import { addGatewayPolicyCommand } from "./gateway-policy.ts";
import { readCertificates, type ServerOptions, serverOptions, wholeServer } from "./gateway-servers.ts";
import { addGatewayUpgradeCommand } from "./gateway-upgrade.ts";
import { addCommand, type CommonOptions } from "./options.ts";
import { wholeNumber } from "./whole-number.ts";

interface AddOptions extends CommonOptions, ServerOptions, OAuthOptions {
  readonly user?: string;
  readonly passwordFile?: string;
  readonly folders?: string;
  readonly deleteAfter?: string;
  readonly deleteOnceFetched?: boolean;
  readonly allowPlain?: boolean;
  readonly sentCopy?: boolean;
}

/** `postern gateway`: accounts at providers of old e-mail. */
export function addGatewayCommand(program: Command): void {
  const gateway = program
    .command("gateway")
    .description("Old e-mail addresses of yours: their letters come into your mail program, sealed on this disk.");

  addCommand<AddOptions>(
    gateway,
    "add <address>",
    "Set up an old address. The bridge logs in once, and then fetches what is there, the newest letters first.",
    [
      "postern gateway add ann@example.org",
      "postern gateway add ann@example.org --imap-host imap.example.org --smtp-host smtp.example.org",
      "postern gateway add ann@example.org --imap-host imap.example.org --password-file ~/.app-password --folders own",
      "postern gateway add ann@gmail.com --oauth google --oauth-client-id ID --oauth-client-secret-file secret.txt",
      "pass show old-mail | postern gateway add ann@example.org --imap-host mail.example.org --delete-after 30",
    ],
    (command) =>
      serverOptions(oauthOptions(command), "new")
        .option("--user <name>", "the login, if it is not the address")
        .option(
          "--password-file <file>",
          "its first line is the password or app password, or with --oauth a refresh token; else it is asked for, or read from standard input",
        )
        .option("--folders <how>", "merged: INBOX into INBOX and so on; own: below a folder of the address", "merged")
        .option("--delete-after <days>", "remove letters at the provider so many days after they were sealed here")
        .option("--delete-once-fetched", "remove each letter there as soon as it was sealed here and read back")
        .option("--allow-plain", "letters may leave that your provider, and theirs, can read")
        .option("--sent-copy", "file what you send in the provider's Sent folder too"),
    async (invocation, options, address = "") => {
      const { user, passwordFile, deleteAfter, deleteOnceFetched } = options;
      const folders: "own" | "merged" = options.folders === "own" ? "own" : "merged";
      if (options.folders !== folders) throw new Failure("invalid", "--folders is merged or own");
      if (deleteAfter !== undefined && deleteOnceFetched === true)
        throw new Failure("invalid", "choose --delete-after or --delete-once-fetched");
      const days = deleteOnceFetched === true ? 0 : deleteAfter && wholeNumber("--delete-after", deleteAfter);
      const ca = await readCertificates(options.ca);
      const [imap, smtp] = [wholeServer("imap", options, ca), wholeServer("smtp", options, ca)];
      const oauth = await oauthRequest(options, ca);
      const signsIn = oauth !== undefined && passwordFile === undefined;
      const request = {
        address,
        ...(user !== undefined && { user }),
        ...(imap !== undefined && { imap }),
        ...(smtp !== undefined && { smtp }),
        ...(options.proxy !== undefined && { proxy: options.proxy }),
        direct: options.direct === true,
        folders,
        ...(typeof days === "number" && { deleteAfterDays: days }),
        allowPlain: options.allowPlain === true,
        sentCopy: options.sentCopy === true,
        ...(oauth !== undefined && { oauth }),
        ...(!signsIn && { password: await readPassword(`Password of ${user ?? address}: `, passwordFile) }),
      };
      const done = await withOperations(invocation, (operations) =>
        operations.gatewayAdd(request, showingPage(invocation.output)),
      );
      const { folders: count, inbox } = done.tested.imap;
      invocation.output.result(
        done,
        `${address} is set up: ${count} folders, ${inbox} letters in INBOX. They come while the bridge runs; \`postern gateway list\` shows how far it is.`,
      );
    },
  );

  addCommand(
    gateway,
    "list",
    "Show the old addresses, and what each is doing.",
    ["postern gateway list", "postern gateway list --json"],
    (command) => command,
    async (invocation) => {
      const done = await withOperations(invocation, (operations) => operations.gatewayList());
      const text = done.accounts.length === 0 ? "There are none: postern gateway add ADDRESS" : lines(done.accounts);
      invocation.output.result(done, text);
    },
  );

  addCommand(
    gateway,
    "test <address>",
    "Log in at the provider once, and say what is wrong.",
    ["postern gateway test ann@example.org"],
    (command) => command,
    async (invocation, _options, address = "") => {
      const done = await withOperations(invocation, (operations) => operations.gatewayTest({ address }));
      const { imap, smtp } = done;
      const sends =
        smtp === undefined ? "Nothing is sent from this address." : `${formatHostPort(smtp)} takes letters.`;
      invocation.output.result(
        done,
        `${formatHostPort(imap)} lets you in: ${imap.folders} folders, ${imap.inbox} letters in INBOX. ${sends}`,
      );
    },
  );

  addCommand(
    gateway,
    "plain <address> <answer>",
    "Allow or refuse that letters leave from this address which your provider, and theirs, can read.",
    ["postern gateway plain ann@example.org allow", "postern gateway plain ann@example.org refuse"],
    (command) => command,
    async (invocation, _options, address = "", answer = "") => {
      if (answer !== "allow" && answer !== "refuse") throw new Failure("invalid", "say allow or refuse");
      const allowed = answer === "allow";
      const done = await withOperations(invocation, (operations) => operations.gatewayPlain({ address, allowed }));
      invocation.output.result(
        done,
        allowed
          ? `Letters from ${address} to old addresses leave as they are: providers can read them.`
          : `No letter leaves from ${address} that providers could read.`,
      );
    },
  );

  const change = (
    name: "pause" | "resume",
    description: string,
    operation: "gatewayPause" | "gatewayResume",
    said: string,
  ) =>
    addCommand(
      gateway,
      `${name} <address>`,
      description,
      [`postern gateway ${name} ann@example.org`],
      (command) => command,
      async (invocation, _options, address = "") => {
        const done = await withOperations(invocation, (operations) => operations[operation]({ address }));
        invocation.output.result(done, `${done.account.address} ${said}.`);
      },
    );
  change("pause", "Connect to the provider no more, for a while.", "gatewayPause", "is paused");
  change("resume", "End that.", "gatewayResume", "goes on");

  addCommand(
    gateway,
    "remove <address>",
    "Forget an old address with its password. Letters stay where they are, here and there.",
    ["postern gateway remove ann@example.org"],
    (command) => command,
    async (invocation, _options, address = "") => {
      const done = await withOperations(invocation, (operations) => operations.gatewayRemove({ address }));
      invocation.output.result(done, `${done.removed} is forgotten. What came from there stays here.`);
    },
  );

  addGatewayChangeCommands(gateway);
  addGatewayKeyCommand(gateway);
  addGatewayPolicyCommand(gateway);
  addGatewayUpgradeCommand(gateway);
}

function lines(accounts: readonly GatewayAccountView[]): string {
  return accounts.map((account) => `${account.address}\n    ${describeAccount(account)}`).join("\n");
}
