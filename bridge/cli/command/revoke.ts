import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { readPaperWords } from "../paper-words.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions, type Invocation } from "./options.ts";

interface RevokeOptions extends CommonOptions {
  readonly list?: boolean;
  readonly wordsFile?: string;
  readonly adminKey?: boolean;
}

export function addRevokeCommand(program: Command): void {
  addCommand<RevokeOptions>(
    program,
    "revoke [device]",
    "Take a lost or stolen device, or a stolen copy of this home, off your identity; your contacts learn of it by themselves.",
    [
      "postern revoke --list",
      "postern revoke 9                # a device that is not yours",
      "postern revoke 1                # a copy of this home was stolen: this installation gets new keys",
      "postern revoke 2 --admin-key    # a device that you gave away, without the paper key",
    ],
    (command) =>
      command
        .option("--list", "the devices of your identity")
        .option("--words-file <file>", "a file that holds the paper key's 24 words; otherwise they are asked for")
        .option("--admin-key", "sign with the everyday key: enough for a device that nobody stole"),
    async (invocation, { list = false, wordsFile, adminKey = false }, named) => {
      if (list) return await listDevices(invocation);
      if (named === undefined) throw new Failure("invalid", "say which device: postern revoke --list names them");
      const device = Number(named);
      if (!Number.isInteger(device) || device < 1)
        throw new Failure("invalid", `${named} is no device: postern revoke --list names them by number`);
      if (adminKey && wordsFile !== undefined)
        throw new Failure("invalid", "sign with the words or with the everyday key, not with both");
      const done = await withOperations(invocation, async (operations) => {
        const { paperKeyKept = false } = await operations.status();
        const words =
          adminKey || (paperKeyKept && wordsFile === undefined) ? undefined : await readPaperWords(wordsFile);
        return await operations.revokeDevice({ device, adminKey, ...(words !== undefined && { words }) });
      });
      invocation.output.result(
        done,
        done.renewed
          ? `Device ${device} is revoked. This installation has a new admin key and new keys for letters; your contacts learn of\n` +
              "it by themselves, and stay what they are. Whoever has the old keys reads nothing that is written from now on."
          : `Device ${device} is revoked; your contacts learn of it by themselves.`,
      );
    },
  );
}

async function listDevices(invocation: Invocation): Promise<void> {
  const found = await withOperations(invocation, (operations) => operations.devices());
  invocation.output.result(
    found,
    found.devices
      .map(({ device, own }) => `${String(device).padStart(4)}${own ? "  this installation" : ""}`)
      .join("\n"),
  );
}
