import type { Create } from "../wire/create.ts";
import { type CommandContext, OK, type Outcome, refuse } from "./context.ts";
import { admitCreation } from "./token.ts";

export async function handleCreate(command: Create, context: CommandContext): Promise<Outcome> {
  const token = await admitCreation(command.token, context);
  if (!Buffer.isBuffer(token)) return token;
  const result = await context.store.queues.create(command, token, context.time.now());
  if (result !== "created") return refuse(result);
  context.counters.add("queues_created");
  return OK;
}
