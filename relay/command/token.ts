import { hashToken } from "../token-hash.ts";
import type { TokenHash } from "../token-store.ts";
import { type CommandContext, type Outcome, refuse } from "./context.ts";

/** The hash of a token that may make one more queue or slot now, or the refusal. Only a valid token costs any memory. */
export async function admitCreation(
  token: Uint8Array,
  { store, creations, clock }: CommandContext,
): Promise<TokenHash | Outcome> {
  const hash = hashToken(token);
  const record = await store.tokens.find(hash);
  if (record === undefined) return refuse("forbidden");
  return creations.take(record, clock.now()) ? hash : refuse("retry");
}
