import type { Command } from "commander";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

export function addContactsCommand(program: Command): void {
  addCommand<CommonOptions & { remove?: string }>(
    program,
    "contacts",
    "List the contacts, how each came to be one, and the invites that nobody has used yet.",
    ["postern contacts", "postern contacts --json", "postern contacts --remove bob"],
    (command) =>
      command.option(
        "--remove <name>",
        "end it with this contact: letters on their way to them fail, none come any more",
      ),
    async (invocation, { remove }) => {
      if (remove !== undefined) {
        const done = await withOperations(invocation, (operations) => operations.removeContact({ name: remove }));
        invocation.output.result(done, `${done.removed} is no contact any more. The letters stay.`);
        return;
      }
      const { contacts, pending } = await withOperations(invocation, (operations) => operations.contacts());
      const lines = contacts.map(
        ({ petname, shortAddress, state, how, address }) =>
          `${petname.padEnd(16)} ${state.padEnd(10)} by ${how}\n    ${shortAddress}\n    ${address}`,
      );
      if (contacts.length === 0)
        lines.push("No contacts yet: `postern invite --name NAME` makes an invite to give to somebody.");
      for (const { name, state, expiresAt } of pending)
        lines.push(`invite${name === undefined ? "" : ` for ${name}`}: ${state}, until ${expiresAt}`);
      invocation.output.result({ contacts, pending }, lines.join("\n"));
    },
  );
}
