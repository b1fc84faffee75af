import type { Command } from "commander";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

export function addVerifyCommand(program: Command): void {
  addCommand<CommonOptions & { phrase?: string }>(
    program,
    "verify <name>",
    "Make sure that a contact is who you think: show the four words that both of you see, or type those that the contact reads out.",
    ["postern verify bob", 'postern verify bob --phrase "copper lantern soup velvet"', "postern verify bob --json"],
    (command) =>
      command.option("--phrase <words>", "the words as the contact reads them to you; if they fit, it is verified"),
    async (invocation, { phrase }, name = "") => {
      const seen = await withOperations(invocation, (operations) =>
        operations.verify({ name, ...(phrase !== undefined && { phrase }) }),
      );
      const { petname, state } = seen.contact;
      invocation.output.result(
        seen,
        phrase !== undefined
          ? `${petname} is ${state}.`
          : [
              `You and ${petname} must see the same four words:`,
              "",
              `    ${seen.phrase}`,
              "",
              `Let ${petname} read them to you, face to face or on the telephone, and type what you hear:`,
              `    postern verify ${petname} --phrase "..."`,
              ...(state === "verified" ? [`(${petname} is verified.)`] : []),
            ].join("\n"),
      );
    },
  );
}
