import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

interface IntroduceOptions extends CommonOptions {
  readonly list?: boolean;
  readonly accept?: string;
  readonly refuse?: string;
  readonly name?: string;
}

export function addIntroduceCommand(program: Command): void {
  addCommand<IntroduceOptions>(
    program,
    "introduce [one] [other]",
    "Introduce two of your contacts to each other, or answer when one of them introduces somebody to you. Each side accepts or refuses; who is introduced is never verified by that alone.",
    [
      "postern introduce bob carol",
      "postern introduce --list",
      "postern introduce --accept carol",
      "postern introduce --accept carol --name caroline",
      "postern introduce --refuse carol",
    ],
    (command) =>
      command
        .option("--list", "show whom you are introduced to, and by whom")
        .option("--accept <name>", "accept an introduction, by its id or the name that was given")
        .option("--refuse <name>", "refuse it, or give it up; nobody is told")
        .option("--name <name>", "with --accept: what you will call them"),
    async (invocation, { list, accept, refuse, name }, one, other) => {
      const { output } = invocation;
      await withOperations(invocation, async (operations) => {
        if (accept !== undefined) {
          const done = await operations.answerIntroduction({
            which: accept,
            accept: true,
            ...(name !== undefined && { name }),
          });
          output.result(done, "Accepted. Once the other side has accepted too, you are contacts; a notice says so.");
        } else if (refuse !== undefined) {
          const done = await operations.answerIntroduction({ which: refuse, accept: false });
          output.result(done, "Refused. Nobody is told.");
        } else if (list) {
          const { introductions } = await operations.introductions();
          const lines = introductions.map(
            (each) =>
              `${each.name} by ${each.introducer}: ${each.state}, until ${each.expiresAt} (${each.id})\n    ${each.address}`,
          );
          output.result({ introductions }, lines.length === 0 ? "Nobody introduces anybody to you." : lines.join("\n"));
        } else if (one === undefined || other === undefined) {
          throw new Failure("invalid", "name two of your contacts: postern introduce BOB CAROL");
        } else {
          const done = await operations.introduce({ one, other });
          output.result(done, `${one} and ${other} are asked. They become contacts if both accept.`);
        }
      });
    },
  );
}
