import type { Command } from "commander";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

export function addAppPasswordCommand(program: Command): void {
  addCommand<CommonOptions & { name: string; list?: boolean; remove?: string }>(
    program,
    "app-password",
    "Make a password for one more mail program; it is shown once. It also opens the vault when that program logs in.",
    ["postern app-password --name phone", "postern app-password --list", "postern app-password --remove phone"],
    (command) =>
      command
        .option("--name <name>", "which mail program it is for", "mail program")
        .option("--list", "name the passwords that there are")
        .option("--remove <name>", "take one back"),
    async (invocation, { name, list, remove }) => {
      const { output } = invocation;
      if (list) {
        const { names } = await withOperations(invocation, (operations) => operations.listAppPasswords());
        output.result({ names }, names.join("\n"));
      } else if (remove !== undefined) {
        const removed = await withOperations(invocation, (operations) =>
          operations.removeAppPassword({ name: remove }),
        );
        output.result(removed, `The password of "${remove}" no longer opens anything.`);
      } else {
        const added = await withOperations(invocation, (operations) => operations.addAppPassword({ name }));
        output.result(
          added,
          `user      ${added.user}\npassword  ${added.appPassword}\n\nIt is shown only now. Take it back with: postern app-password --remove '${added.name}'`,
        );
      }
    },
  );
}
