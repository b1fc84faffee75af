import type { Command } from "commander";
import { issueToken, listTokens, revokeToken } from "../../../relay/token-desk.ts";
import type { TokenUse } from "../../../relay/token-store.ts";
import { parseOctetSize } from "../../octet-size.ts";
import { addCommand, type CommonOptions } from "./options.ts";
import { relayDirectory } from "./relay-directory.ts";
import { wholeNumber } from "./whole-number.ts";

interface AddOptions extends CommonOptions {
  readonly queues?: string;
  readonly octets?: string;
  readonly perHour?: string;
}

/** `postern relay token`: who may keep queues at the relay. The relay may run meanwhile. */
export function addRelayTokenCommands(relay: Command): void {
  const tokens = relay
    .command("token")
    .description(
      "Say who may keep queues here: a token for each, with bounds, to be taken back. The relay may be running.",
    );

  addCommand<AddOptions>(
    tokens,
    "add <name>",
    "Make a token, and print the relay's URL with it, for one bridge or one group. Only you see the name.",
    ["postern relay token add ann", "postern relay token add office --queues 200 --octets '2 GB' --per-hour 50"],
    (command) =>
      command
        .option("--queues <number>", "queues and invites that its holders have at a time")
        .option("--octets <size>", "what waits unread in all of their queues together, '500 MB' for instance")
        .option("--per-hour <number>", "queues and invites that they make in an hour"),
    async ({ environment, output }, options, name = "") => {
      const limits = {
        queues: options.queues === undefined ? undefined : wholeNumber("--queues", options.queues),
        octets: options.octets === undefined ? undefined : parseOctetSize(options.octets),
        creationsPerHour: options.perHour === undefined ? undefined : wholeNumber("--per-hour", options.perHour),
      };
      const url = await issueToken(relayDirectory(environment, options), name, limits);
      output.result({ name, url }, url);
      output.note("Hand this URL on in private: it is shown this once, and whoever has it may keep queues here.");
    },
  );

  addCommand<CommonOptions>(
    tokens,
    "list",
    "Show all tokens by their names, what they allow, and what is used of it.",
    ["postern relay token list", "postern relay token list --json"],
    (command) => command,
    async ({ environment, output }, options) => {
      const tokens = await listTokens(relayDirectory(environment, options));
      output.result({ tokens }, tokens.map(describe).join("\n"));
    },
  );

  addCommand<CommonOptions & { deleteQueues?: boolean }>(
    tokens,
    "revoke <name>",
    "Take a token back: nobody makes queues with it any more. What it made stays, unless told otherwise.",
    ["postern relay token revoke ann", "postern relay token revoke ann --delete-queues"],
    (command) =>
      command.option(
        "--delete-queues",
        "delete its queues too, unread letters with them, within the hour or at the start",
      ),
    async ({ environment, output }, { deleteQueues, ...options }, name = "") => {
      await revokeToken(relayDirectory(environment, options), name, deleteQueues ? "goes" : "stays");
      output.result({ name, revoked: true }, `The token ${name} is revoked.`);
    },
  );
}

function describe(token: TokenUse): string {
  const of = (bound: number | undefined): string => (bound === undefined ? "" : ` of ${bound}`);
  const words = [
    token.name.padEnd(20),
    `${token.usedQueues}${of(token.queues)} queues`,
    `${token.usedOctets}${of(token.octets)} octets`,
    ...(token.creationsPerHour === undefined ? [] : [`${token.creationsPerHour} an hour`]),
    ...(token.revokedAt === undefined ? [] : [`revoked ${new Date(token.revokedAt).toISOString().slice(0, 10)}`]),
  ];
  return words.join("  ");
}
