import type { Credit } from "../wire/credit.ts";
import type { CommandContext } from "./context.ts";

/** Credit for a queue that this connection does not read, or no longer, says nothing. */
export function handleCredit(command: Credit, { readers, pusher }: CommandContext): undefined {
  const reading = readers.get(command.recipientId);
  if (reading?.pusher === pusher) pusher.credit(reading, command.count);
}
