import type { Reading } from "../readers.ts";
import { verifyCommand } from "../wire/proof.ts";
import { type Subscribe, subscribeFields } from "../wire/subscribe.ts";
import { type CommandContext, type Outcome, refuse } from "./context.ts";

export async function handleSubscribe(command: Subscribe, context: CommandContext): Promise<Outcome> {
  const { readers, limits, pusher } = context;
  const { queues } = context.store;
  // A copy: the id is kept for long, and would keep its whole block.
  const recipientId = Buffer.from(command.recipientId);
  const fields = subscribeFields(recipientId, command.after, command.credit);
  const key = await queues.recipientKey(recipientId);
  if (key === undefined || !verifyCommand(key, "SUBSCRIBE", context.exporter, fields, command.signature))
    return refuse("no-queue");
  if (pusher.readings.size >= limits.subscriptions) return refuse("full");

  const credit = Math.min(command.credit, limits.credit);
  const reading: Reading = { recipientId, pusher, after: 0, last: 0, credit, started: false, ended: false };
  // It is the reader before the store is asked how far the queue is, or a cell that comes in between would go unnoticed.
  const before = readers.put(reading);
  if (before !== undefined && before.pusher !== pusher)
    before.pusher.tell({ kind: "ended", recipientId, reason: "taken-over" });

  const nextSeq = await queues.subscribed(recipientId, context.time.now());
  if (nextSeq === undefined) {
    readers.end(reading);
    return refuse("no-queue");
  }
  reading.after = command.after < nextSeq ? command.after : 0;
  reading.last = Math.max(reading.last, nextSeq - 1);
  return { answer: { kind: "subscribed", nextSeq }, afterwards: () => pusher.start(reading) };
}
