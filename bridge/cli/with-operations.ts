import { Failure } from "../../foundation/failure.ts";
import { readConfig } from "../config.ts";
import { connectOperations } from "../control/client.ts";
import { lockHome, requireHome } from "../home/home.ts";
import type { Operations } from "../operations/operations.ts";
import type { Invocation } from "./command/options.ts";
import { createStderrLogger } from "./log.ts";

/**
 * Does something with the home's bridge: with the running one where there is one, else it opens the home just for this.
 * `unlocked: false` is for what needs no open vault.
 */
export async function withOperations<T>(
  { paths, output }: Invocation,
  action: (operations: Operations) => Promise<T>,
  { unlocked = true }: { unlocked?: boolean } = {},
): Promise<T> {
  await requireHome(paths);
  let lock: ReturnType<typeof lockHome>;
  try {
    lock = lockHome(paths);
  } catch (error) {
    if (error instanceof Failure && error.code === "busy") return await action(await connectOperations(paths));
    throw error;
  }
  try {
    // All of the bridge: not needed where one runs.
    const { openOperations } = await import("../compose.ts");
    const config = await readConfig(paths.home);
    const opened = await openOperations({ paths, config, logger: createStderrLogger("warn", output.json), unlocked });
    try {
      return await action(opened.operations);
    } finally {
      await opened.close();
    }
  } finally {
    lock.release();
  }
}
