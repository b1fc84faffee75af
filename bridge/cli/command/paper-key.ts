import type { Command } from "commander";
import { renderUnicodeCompact } from "uqr";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

export function addPaperKeyCommand(program: Command): void {
  addCommand<CommonOptions & { forget?: boolean }>(
    program,
    "paper-key",
    "Show the 24 words that are your identity, to be written on paper; `--forget` then takes them off this machine.",
    ["postern paper-key", "postern paper-key --json", "postern paper-key --forget"],
    (command) => command.option("--forget", "erase the words from the vault, once they are on paper"),
    async (invocation, { forget }) => {
      const { output } = invocation;
      if (forget) {
        const done = await withOperations(invocation, (operations) => operations.forgetPaperKey());
        output.result(done, "The paper key is no longer on this machine. Only the paper has it now.");
        return;
      }
      const key = await withOperations(invocation, (operations) => operations.paperKey());
      const words = key.words.split(" ");
      const rows = Array.from({ length: 6 }, (_, row) =>
        [0, 6, 12, 18]
          .map((column) => `${String(row + column + 1).padStart(2)} ${(words[row + column] ?? "").padEnd(10)}`)
          .join(" "),
      );
      output.result(
        key,
        [
          "Your paper key. Write it down or print it, keep it where you keep a passport, and show it to nobody:",
          "it revokes lost devices, recovers the identity, and opens every stored letter.",
          "",
          ...rows,
          "",
          renderUnicodeCompact(key.words, { ecc: "L", border: 2 }),
          "",
          "The same key as the age tool takes it (age -d -i FILE letter), if Postern should ever be gone:",
          key.recoveryIdentity,
        ].join("\n"),
      );
    },
  );
}
