import { hashToken } from "../token-hash.ts";
import type { Create } from "../wire/create.ts";
import { type CommandContext, OK, type Outcome, refuse } from "./context.ts";

export async function handleCreate(command: Create, { store, time }: CommandContext): Promise<Outcome> {
  const result = await store.queues.create(command, hashToken(command.token), time.now());
  return result === "created" ? OK : refuse(result);
}
