import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { exists } from "../../home/home.ts";
import { describeInit, initFromOptions } from "./init.ts";
import { describeInvite } from "./invite.ts";
import { addCommand, type SettingOptions, settingOptions } from "./options.ts";
import { runBridge } from "./run.ts";

export function addStartCommand(program: Command): void {
  addCommand<SettingOptions>(
    program,
    "start",
    "Like run; the very first time it makes the home before, and shows how to set up a mail program and a first invite.",
    ["postern start"],
    settingOptions,
    async (invocation, options) => {
      const { output, paths } = invocation;
      if (await exists(paths.vault)) return await runBridge(invocation, options);
      output.note(`Making a new home in ${paths.home} ...\n`);
      const made = await initFromOptions(invocation, options);
      output.result(made, describeInit(made));
      await runBridge(invocation, options, async (bridge) => {
        try {
          const invite = await bridge.operations.invite({});
          output.result(
            invite,
            `\nA first invite, for somebody who runs Postern too:\n\n${describeInvite(invite.invite, invite.expiresAt)}`,
          );
        } catch (error) {
          // The mail program can be set up all the same.
          if (!(error instanceof Failure)) throw error;
          output.note(`\nNo invite yet: ${error.message}`);
        }
      });
    },
  );
}
