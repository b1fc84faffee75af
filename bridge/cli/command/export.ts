import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { EXPORT_FORMATS, type ExportFormat } from "../../../maildir/export/export.ts";
import { interruptible } from "../interruption.ts";
import { showingProgress } from "../progress.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

export function addExportCommand(program: Command): void {
  addCommand<CommonOptions & { all?: boolean; format: ExportFormat }>(
    program,
    "export <folder> [path]",
    "Write the letters of a folder, or with --all of every folder, as other programs read them: no longer encrypted. The path is new; nothing is overwritten.",
    ["postern export INBOX ~/inbox.mbox", "postern export --all ~/mail --format maildir"],
    (command) =>
      command
        .option("--all", "every folder; then the path is the only argument")
        .addOption(
          new Option("--format <format>", "mbox: a file; maildir or eml: a directory")
            .choices(EXPORT_FORMATS)
            .default("mbox"),
        ),
    async (invocation, { all = false, format }, first = "", second) => {
      if (all === (second !== undefined))
        throw new Failure("invalid", "name a folder and a path, or --all and a path: see postern export --help");
      const { output } = invocation;
      const path = resolve(second ?? first);
      const request = { path, format, ...(!all && { folder: first }) };
      const done = await interruptible(`what was written to ${path} is not complete`, (signal) =>
        withOperations(invocation, (operations) =>
          showingProgress(output, (onProgress) => operations.exportMail(request, onProgress, signal)),
        ),
      );
      const lost = done.damaged === 0 ? "" : `; ${done.damaged} are damaged and could not be read`;
      output.result(done, `${done.done} letters written to ${path}${lost}.`);
    },
  );
}
