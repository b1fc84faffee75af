import { verifySend } from "../wire/proof.ts";
import type { Send } from "../wire/send.ts";
import { KEY_SIZE } from "../wire/size.ts";
import { type CommandContext, OK, type Outcome, refuse } from "./context.ts";

/** Stands in where there is no queue, so that finding none takes as long as a wrong MAC. */
const NO_KEY = Buffer.alloc(KEY_SIZE);

export async function handleSend(command: Send, context: CommandContext): Promise<Outcome> {
  const { queues } = context.store;
  const key = await queues.senderKey(command.senderId);
  const authentic = verifySend(key ?? NO_KEY, context.exporter, command);
  if (key === undefined || !authentic) return refuse("no-queue");
  // Whoever reads the queue hears of it from the store.
  const result = await queues.append(command.senderId, command.cell, context.time.now());
  if (result.kind !== "stored") return refuse(result.kind);
  context.counters.add("cells_received");
  return OK;
}
