import type { Command } from "commander";
import { renderUnicodeCompact } from "uqr";
import { Failure } from "../../../foundation/failure.ts";
import { withOperations } from "../with-operations.ts";
import { pendingLine } from "./contacts.ts";
import { addCommand, type CommonOptions } from "./options.ts";

/** An invite as a person gets to see it: the link and the same as a QR code. */
export function describeInvite(invite: string, expiresAt: string, ask = false): string {
  return [
    invite,
    "",
    renderUnicodeCompact(invite, { ecc: "L", border: 2 }),
    "",
    ask
      ? `Give it to one person only, over a channel that you trust. Nothing flows until you let them in: a notice in INBOX says who asks. It expires ${expiresAt}.`
      : `Give it to one person only, over a channel that you trust: whoever uses it first becomes your contact. It expires ${expiresAt}.`,
  ].join("\n");
}

interface InviteOptions extends CommonOptions {
  readonly name?: string;
  readonly ask?: boolean;
  readonly list?: boolean;
  readonly approve?: string;
  readonly cancel?: string;
}

export function addInviteCommand(program: Command): void {
  addCommand<InviteOptions>(
    program,
    "invite",
    "Make an invite for one person, as a link and as a QR code.",
    [
      "postern invite --name alice",
      "postern invite --name alice --ask",
      "postern invite --list --json",
      "postern invite --approve alice",
      "postern invite --cancel alice",
    ],
    (command) =>
      command
        .option("--name <name>", "what you will call the person who accepts it")
        .option("--ask", "whoever accepts it becomes a contact only after you approve")
        .option("--list", "show the invites, and what else is under way to become a contact")
        .option("--approve <invite>", "let in who accepted this invite, by its id or name")
        .option("--cancel <invite>", "withdraw this invite, or refuse who accepted it, by its id or name"),
    async (invocation, { name, ask = false, list, approve, cancel }) => {
      const { output } = invocation;
      if ([list, approve, cancel].filter((one) => one !== undefined).length + (ask || name !== undefined ? 1 : 0) > 1)
        throw new Failure("invalid", "make, list, approve or cancel: one at a time");
      await withOperations(invocation, async (operations) => {
        if (approve !== undefined) {
          const done = await operations.approveInvite({ invite: approve });
          output.result(done, `${done.contact.petname} is your contact now. Write to ${done.contact.shortAddress}`);
        } else if (cancel !== undefined) {
          const done = await operations.cancelPending({ which: cancel });
          output.result(done, "It is withdrawn: nobody can use it any more.");
        } else if (list) {
          const { pending } = await operations.contacts();
          output.result(
            { pending },
            pending.length === 0 ? "Nothing is pending." : pending.map(pendingLine).join("\n"),
          );
        } else {
          const made = await operations.invite({ ask, ...(name !== undefined && { name }) });
          output.result(made, describeInvite(made.invite, made.expiresAt, ask));
        }
      });
    },
  );
}
