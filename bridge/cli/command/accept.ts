import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

export function addAcceptCommand(program: Command): void {
  addCommand<CommonOptions & { name: string }>(
    program,
    "accept <invite>",
    "Accept somebody's invite: they become a contact under the name that you give them. With `-` it is read from standard input, where no other user of the machine sees it.",
    ["postern accept 'postern:...' --name bob", "postern accept - --name bob --json < invite.txt"],
    (command) => command.requiredOption("--name <name>", "what you call them; mail to NAME@postern.alt reaches them"),
    async (invocation, { name }, invite = "") => {
      const link = invite === "-" ? await text(process.stdin) : invite;
      const { contact } = await withOperations(invocation, (operations) =>
        operations.accept({ invite: link.trim(), name }),
      );
      invocation.output.result(
        { contact },
        `${contact.petname} is your contact now (${contact.state}). Write to ${contact.shortAddress}\nor to ${contact.address}`,
      );
    },
  );
}
