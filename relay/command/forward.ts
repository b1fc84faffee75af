import { joinStreams } from "../wire/carried-stream.ts";
import type { Forward } from "../wire/forward.ts";
import { type CommandContext, OK, type Outcome, refuse } from "./context.ts";

/** A stranger wants to get to another relay through this one. */
export async function handleForward(command: Forward, { routes, carry }: CommandContext): Promise<Outcome> {
  const upstream = await (routes?.forward(command) ?? "forbidden");
  if (typeof upstream === "string") return refuse(upstream);
  return { ...OK, afterwards: () => joinStreams(carry(), upstream), abandoned: () => void upstream.destroy() };
}

/** An entry relay brings somebody whom it does not name. */
export function handleTunnel({ routes, carry }: CommandContext): Outcome {
  return routes === undefined ? refuse("forbidden") : { ...OK, afterwards: () => routes.accept(carry()) };
}
