import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { formatHostPort } from "../../host-port.ts";
import type { GatewayAccountView, GatewayAddRequest, GatewayServerRequest } from "../../operations.ts";
import { describeAccount } from "../describe-account.ts";
import { readPassword } from "../password.ts";
import { withOperations } from "../with-operations.ts";
import { addGatewayKeyCommand } from "./gateway-key.ts";
import { addGatewayPolicyCommand } from "./gateway-policy.ts";
import { addGatewayUpgradeCommand } from "./gateway-upgrade.ts";
import { addCommand, type CommonOptions } from "./options.ts";
import { wholeNumber } from "./whole-number.ts";

/** Octets of certificates: they travel to the running bridge in one request. */
const MAX_CA_FILE = 24 * 1024;

interface AddOptions extends CommonOptions {
  readonly user?: string;
  readonly passwordFile?: string;
  readonly imapHost?: string;
  readonly imapPort?: string;
  readonly imapSecurity?: string;
  readonly imapPin?: string;
  readonly smtpHost?: string;
  readonly smtpPort?: string;
  readonly smtpSecurity?: string;
  readonly smtpPin?: string;
  readonly ca?: string;
  readonly proxy?: string;
  readonly direct?: boolean;
  readonly folders?: string;
  readonly deleteAfter?: string;
  readonly deleteOnceFetched?: boolean;
  readonly allowPlain?: boolean;
  readonly sentCopy?: boolean;
  readonly oauth?: string;
  readonly oauthClientId?: string;
  readonly oauthClientSecretFile?: string;
}

/** Where providers that are often met give access tokens. */
const TOKEN_URLS: Readonly<Record<string, string>> = {
  google: "https://oauth2.googleapis.com/token",
  microsoft: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
};

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
      "pass show old-mail | postern gateway add ann@example.org --imap-host mail.example.org --delete-after 30",
    ],
    (command) =>
      command
        .option("--user <name>", "the login, if it is not the address")
        .option(
          "--password-file <file>",
          "its first line is the password or app password; else it is asked for, or read from standard input",
        )
        .option(
          "--oauth <provider>",
          "google, microsoft or the token server's URL: what is read is a refresh token, no password",
        )
        .option("--oauth-client-id <id>", "of the application that the refresh token was given to")
        .option("--oauth-client-secret-file <file>", "its first line is that application's secret, where it has one")
        .option("--imap-host <host>", "the server that has the letters (default: the address's domain is asked)")
        .option("--imap-port <port>", "its port (default: 993, or 143 with starttls)")
        .option("--imap-security <way>", "tls, starttls, or none (on this machine alone)", "tls")
        .option("--imap-pin <sha256>", "trust this one certificate, whatever name it has")
        .option("--smtp-host <host>", "the server that takes letters; without it nothing is sent from this address")
        .option("--smtp-port <port>", "its port (default: 465, or 587 with starttls)")
        .option("--smtp-security <way>", "tls, starttls, or none (on this machine alone)", "tls")
        .option("--smtp-pin <sha256>", "trust this one certificate, whatever name it has")
        .option("--ca <file>", "certificates (PEM) to trust instead of the system's")
        .option("--proxy <url>", "reach the provider through this SOCKS5 proxy (default: the proxy of [overlay])")
        .option("--direct", "reach the provider without any proxy")
        .option("--folders <how>", "merged: INBOX into INBOX and so on; own: below a folder of the address", "merged")
        .option("--delete-after <days>", "remove letters at the provider so many days after they were sealed here")
        .option("--delete-once-fetched", "remove each letter there as soon as it was sealed here and read back")
        .option("--allow-plain", "letters may leave that your provider, and theirs, can read")
        .option("--sent-copy", "file what you send in the provider's Sent folder too"),
    async (invocation, options, address = "") => {
      const { user, passwordFile, imapHost, deleteAfter, deleteOnceFetched } = options;
      const folders: "own" | "merged" = options.folders === "own" ? "own" : "merged";
      if (options.folders !== folders) throw new Failure("invalid", "--folders is merged or own");
      if (deleteAfter !== undefined && deleteOnceFetched === true)
        throw new Failure("invalid", "choose --delete-after or --delete-once-fetched");
      const days = deleteOnceFetched === true ? 0 : deleteAfter && wholeNumber("--delete-after", deleteAfter);
      const ca = options.ca === undefined ? undefined : await readCertificates(options.ca);
      const request = {
        address,
        ...(user !== undefined && { user }),
        ...(imapHost !== undefined && { imap: server("imap", imapHost, options, ca) }),
        ...(options.smtpHost !== undefined && { smtp: server("smtp", options.smtpHost, options, ca) }),
        ...(options.proxy !== undefined && { proxy: options.proxy }),
        direct: options.direct === true,
        folders,
        ...(typeof days === "number" && { deleteAfterDays: days }),
        allowPlain: options.allowPlain === true,
        sentCopy: options.sentCopy === true,
        ...(await oauthOf(options, ca)),
        password: await readPassword(
          `${options.oauth === undefined ? "Password" : "Refresh token"} of ${user ?? address}: `,
          passwordFile,
        ),
      };
      const done = await withOperations(invocation, (operations) => operations.gatewayAdd(request));
      const { imap } = done.tested;
      invocation.output.result(
        done,
        `${address} is set up: ${imap.folders} folders, ${imap.inbox} letters in INBOX. They come while the bridge runs; \`postern gateway list\` shows how far it is.`,
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

  addGatewayKeyCommand(gateway);
  addGatewayPolicyCommand(gateway);
  addGatewayUpgradeCommand(gateway);
}

function lines(accounts: readonly GatewayAccountView[]): string {
  return accounts.map((account) => `${account.address}\n    ${describeAccount(account)}`).join("\n");
}

function server(
  kind: "imap" | "smtp",
  host: string,
  options: AddOptions,
  ca: string | undefined,
): GatewayServerRequest {
  const [security, port, pin] =
    kind === "imap"
      ? [options.imapSecurity, options.imapPort, options.imapPin]
      : [options.smtpSecurity, options.smtpPort, options.smtpPin];
  if (security !== "tls" && security !== "starttls" && security !== "none")
    throw new Failure("invalid", `--${kind}-security is tls, starttls or none`);
  const usual = kind === "imap" ? (security === "tls" ? 993 : 143) : security === "tls" ? 465 : 587;
  return {
    host,
    port: port === undefined ? usual : wholeNumber(`--${kind}-port`, port),
    security,
    ...(ca !== undefined && { ca }),
    ...(pin !== undefined && { pin }),
  };
}

async function oauthOf(
  { oauth, oauthClientId, oauthClientSecretFile }: AddOptions,
  ca: string | undefined,
): Promise<Pick<GatewayAddRequest, "oauth">> {
  if (oauth === undefined) return {};
  if (oauthClientId === undefined)
    throw new Failure("invalid", "name the application that the refresh token was given to with --oauth-client-id");
  const secret =
    oauthClientSecretFile === undefined ? undefined : await readPassword("Client secret: ", oauthClientSecretFile);
  return {
    oauth: {
      tokenUrl: TOKEN_URLS[oauth] ?? oauth,
      clientId: oauthClientId,
      ...(secret !== undefined && { clientSecret: secret }),
      ...(ca !== undefined && { ca }),
    },
  };
}

async function readCertificates(path: string): Promise<string> {
  const pem = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new Failure("nonexistent", `${path} cannot be read`, { cause });
  });
  if (!pem.includes("-----BEGIN CERTIFICATE-----") || pem.length > MAX_CA_FILE)
    throw new Failure("invalid", `${path} holds no certificate in PEM, or too many`);
  return pem;
}
