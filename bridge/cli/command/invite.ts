import type { Command } from "commander";
import { renderUnicodeCompact } from "uqr";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

/** An invite as a person gets to see it: the link and the same as a QR code. */
export function describeInvite(invite: string, expiresAt: string): string {
  return [
    invite,
    "",
    renderUnicodeCompact(invite, { ecc: "L", border: 2 }),
    "",
    `Give it to one person only, over a channel that you trust: whoever uses it first becomes your contact. It expires ${expiresAt}.`,
  ].join("\n");
}

export function addInviteCommand(program: Command): void {
  addCommand<CommonOptions & { name?: string }>(
    program,
    "invite",
    "Make an invite for one person, as a link and as a QR code.",
    ["postern invite --name alice", "postern invite --json"],
    (command) => command.option("--name <name>", "what you will call the person who accepts it"),
    async (invocation, { name }) => {
      const made = await withOperations(invocation, (operations) =>
        operations.invite(name === undefined ? {} : { name }),
      );
      invocation.output.result(made, describeInvite(made.invite, made.expiresAt));
    },
  );
}
