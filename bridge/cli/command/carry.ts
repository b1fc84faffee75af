import { resolve } from "node:path";
import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand, type Invocation } from "./options.ts";

/** Each action of `postern carry` with what it does to its operand. */
const ACTIONS: Readonly<Record<string, (invocation: Invocation, operand: string) => Promise<void>>> = {
  async start(invocation, name) {
    const done = await withOperations(invocation, (operations) => operations.carryContact({ name, byHand: true }));
    invocation.output.result(done, `Letters to ${done.name} now wait until you export them: postern carry export DIR`);
  },

  async stop(invocation, name) {
    const done = await withOperations(invocation, (operations) => operations.carryContact({ name, byHand: false }));
    invocation.output.result(done, `Letters to ${done.name} go through the relay again, with what was not confirmed.`);
  },

  async export(invocation, directory) {
    const done = await withOperations(invocation, (operations) =>
      operations.carryExport({ directory: resolve(directory) }),
    );
    invocation.output.result(
      done,
      `${done.bundles} bundles with ${done.cells} cells written. They are kept here until the contact's bundles confirm them.`,
    );
  },

  async import(invocation, directory) {
    const done = await withOperations(invocation, (operations) =>
      operations.carryImport({ directory: resolve(directory) }),
    );
    const lines = [
      `${done.cells} cells taken in, ${done.confirmed} of yours confirmed. Export into the same folder to confirm what came.`,
      done.waiting > 0 ? `${done.waiting} cells wait: a bundle before them is missing, or a letter is not whole.` : "",
      done.damaged > 0
        ? `${done.damaged} bundles are damaged: nothing of them was used; have them exported again.`
        : "",
      done.foreign > 0 ? `${done.foreign} bundles are not for you.` : "",
    ];
    invocation.output.result(done, lines.filter((line) => line !== "").join("\n"));
  },
};

export function addCarryCommand(program: Command): void {
  addCommand(
    program,
    "carry <action> <operand>",
    "Carry letters by hand: start or stop it with a contact (NAME), export to or import from a folder (DIR), for instance on a USB stick.",
    [
      "postern carry start bob",
      "postern carry export /media/stick",
      "postern carry import /media/stick",
      "postern carry stop bob",
    ],
    (command) => command,
    async (invocation, _options, action = "", operand = "") => {
      const run = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
      if (run === undefined)
        throw new Failure(
          "invalid",
          `"${action}" is none of ${Object.keys(ACTIONS).join(", ")}: see postern carry --help`,
        );
      await run(invocation, operand);
    },
  );
}
