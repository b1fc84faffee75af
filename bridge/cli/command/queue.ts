import type { Command } from "commander";
import type { QueuedLetterView } from "../../operations/operations.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand } from "./options.ts";

function describe({ to, state, since, size, reason }: QueuedLetterView): string {
  const why = reason === undefined ? "" : `\n    ${reason}`;
  return `${to.padEnd(16)} ${state.padEnd(10)} since ${since}, ${size} octets${why}`;
}

export function addQueueCommand(program: Command): void {
  addCommand(
    program,
    "queue",
    "List the letters that wait, why they do, what failed, and what left or arrived in the last day.",
    ["postern queue", "postern queue --json"],
    (command) => command,
    async (invocation) => {
      const { letters } = await withOperations(invocation, (operations) => operations.queue());
      invocation.output.result(
        { letters },
        letters.length === 0 ? "No letter waits." : letters.map(describe).join("\n"),
      );
    },
  );
}
