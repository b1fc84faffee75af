import { resolve } from "node:path";
import type { Command } from "commander";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

export function addImportCommand(program: Command): void {
  addCommand<CommonOptions & { folder: string }>(
    program,
    "import <path>",
    "Take letters from an .eml file, an mbox or a Maildir into a folder. What is there already is not added again.",
    ["postern import ~/Mail/archive.mbox --folder Archive", "postern import letter.eml --folder INBOX --json"],
    (command) => command.requiredOption("--folder <name>", "the folder; it is created if it is not there"),
    async (invocation, { folder }, path = "") => {
      const started = Date.now();
      const { output } = invocation;
      const done = await withOperations(invocation, (operations) =>
        operations.importMail({ path: resolve(path), folder }, (progress) => {
          const rate = progress.done / Math.max(0.001, (Date.now() - started) / 1000);
          const left =
            progress.total === undefined
              ? ""
              : ` of ${progress.total}, ${Math.ceil((progress.total - progress.done) / rate)} s left`;
          output.progress(`${progress.done} letters${left} (${Math.round(rate)} a second)`);
        }),
      );
      output.result(done, `${done.added} of ${done.done} letters added to ${folder}; the others were there already.`);
    },
  );
}
