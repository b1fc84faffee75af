import { CommandFailure } from "../reply.ts";
import type { MailboxView } from "../view.ts";
import { SyntaxFailure } from "../wire/scanner.ts";
import type { Returns } from "./returns.ts";

/** Runs a search that may save its result: where it fails with NO, nothing stays saved; BAD leaves what there was (RFC 5182 section 2.1). */
export async function savingResult<T>(
  view: MailboxView,
  returns: Returns | undefined,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const bad = error instanceof SyntaxFailure || (error instanceof CommandFailure && error.status === "BAD");
    if (returns?.options.has("SAVE") === true && !bad) view.save([]);
    throw error;
  }
}
