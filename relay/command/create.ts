import { equalConstantTime } from "../../foundation/bytes.ts";
import type { Create } from "../wire/create.ts";
import { type CommandContext, OK, type Outcome, refuse } from "./context.ts";

export async function handleCreate(command: Create, context: CommandContext): Promise<Outcome> {
  if (!equalConstantTime(command.token, context.token)) return refuse("forbidden");
  const result = await context.queues.create(command, context.clock.now());
  return result === "created" ? OK : refuse(result);
}
