import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

interface PairOptions extends CommonOptions {
  readonly name?: string;
  readonly at?: string;
  readonly cancel?: string;
  readonly list?: boolean;
}

export function addPairCommand(program: Command): void {
  addCommand<PairOptions>(
    program,
    "pair [code]",
    "Become contacts by a spoken code: one of you makes it and says it, the other types it. Both contacts are verified then. It lives five days, and one wrong try kills it.",
    [
      "postern pair --name bob",
      "postern pair 7-guitar-lemon-orbit --name alice",
      "postern pair 7-guitar-lemon-orbit --name alice --at postern-relay://relay.example.org:4523/PIN",
      "postern pair --list",
      "postern pair --cancel bob",
    ],
    (command) =>
      command
        .option("--name <name>", "what you will call the other one")
        .option("--at <relay>", "the relay of whoever made the code, if it is not the one that you use too")
        .option("--list", "show the codes that are under way")
        .option("--cancel <code>", "withdraw a code: itself, its id, or the name of who was to use it"),
    async (invocation, { name, at, cancel, list }, code) => {
      const { output } = invocation;
      await withOperations(invocation, async (operations) => {
        if (cancel !== undefined) {
          const done = await operations.cancelCode({ which: cancel });
          output.result(done, "It is withdrawn: nobody can use it any more.");
        } else if (list) {
          const { codes } = await operations.codes();
          const lines = codes.map((one) => `${one.code}  ${one.name}: ${one.state}, until ${one.expiresAt}`);
          output.result({ codes }, lines.length === 0 ? "No spoken code is under way." : lines.join("\n"));
        } else if (name === undefined) {
          throw new Failure("invalid", "say with --name what you will call the other one");
        } else if (code === undefined) {
          const made = await operations.makeCode({ name });
          output.result(
            made,
            [
              `    ${made.code}`,
              "",
              `Say this to ${name}, face to face or on the telephone. They type: postern pair ${made.code} --name YOU`,
              `If they do not use your relay, they add: --at '${made.relay}'`,
              `A notice in INBOX says how it ends. It lives until ${made.expiresAt}; one wrong try kills it.`,
            ].join("\n"),
          );
        } else {
          const taken = await operations.takeCode({ code, name, ...(at !== undefined && { at }) });
          output.result(
            taken,
            taken.contact === undefined
              ? `The code is on its way: as soon as the other one's bridge runs, ${name} is your contact. A notice in INBOX says how it ends.`
              : `${taken.contact.petname} is your contact now (${taken.contact.state}). Write to ${taken.contact.shortAddress}`,
          );
        }
      });
    },
  );
}
