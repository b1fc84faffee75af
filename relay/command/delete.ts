import type { Delete } from "../wire/delete.ts";
import { verifyCommand } from "../wire/proof.ts";
import { type CommandContext, OK, type Outcome, refuse } from "./context.ts";

export async function handleDelete(command: Delete, context: CommandContext): Promise<Outcome> {
  const { readers, pusher } = context;
  const { queues } = context.store;
  const { recipientId } = command;
  const key = await queues.recipientKey(recipientId);
  if (key === undefined || !verifyCommand(key, "DELETE", context.exporter, recipientId, command.signature))
    return refuse("no-queue");
  if (!(await queues.remove(recipientId))) return refuse("no-queue");
  const reading = readers.get(recipientId);
  if (reading !== undefined) {
    readers.end(reading);
    if (reading.pusher !== pusher) reading.pusher.tell({ kind: "ended", recipientId, reason: "gone" });
  }
  return OK;
}
