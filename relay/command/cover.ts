import type { Cover } from "../wire/cover.ts";
import type { CommandContext } from "./context.ts";

/** From the next block on, one block goes for each that comes. */
export function handlePace({ cover }: CommandContext): undefined {
  cover.pace();
}

export function handleCover({ mean }: Cover, { cover }: CommandContext): undefined {
  cover.fill(mean);
}
