import type { Acknowledge } from "../wire/acknowledge.ts";
import { type CommandContext, OK, type Outcome, refuse } from "./context.ts";

export async function handleAcknowledge(command: Acknowledge, context: CommandContext): Promise<Outcome> {
  const reading = context.readers.get(command.recipientId);
  if (reading === undefined || reading.pusher !== context.pusher) return refuse("not-subscribed");
  const deleted = await context.store.queues.acknowledge(command.recipientId, command.ranges);
  context.counters.add("cells_acknowledged", deleted);
  return OK;
}
