import { verifySend } from "../wire/proof.ts";
import type { Send } from "../wire/send.ts";
import { KEY_SIZE } from "../wire/size.ts";
import { type CommandContext, OK, type Outcome, refuse } from "./context.ts";

/** Stands in where there is no queue, so that finding none takes as long as a wrong MAC. */
const NO_KEY = Buffer.alloc(KEY_SIZE);

export async function handleSend(command: Send, context: CommandContext): Promise<Outcome> {
  const { queues, readers, clock } = context;
  const key = await queues.senderKey(command.senderId);
  const authentic = verifySend(key ?? NO_KEY, context.exporter, command);
  if (key === undefined || !authentic) return refuse("no-queue");
  const result = await queues.append(command.senderId, command.cell, clock.now());
  if (result.kind !== "stored") return refuse(result.kind);
  const reading = readers.get(result.recipientId);
  reading?.pusher.stored(reading, { seq: result.seq, cell: command.cell });
  return OK;
}
