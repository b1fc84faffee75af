import { Failure } from "../foundation/failure.ts";
import { hashToken } from "./token-hash.ts";
import type { TokenLimits, TokenStore } from "./token-store.ts";

/** The token that every relay has from the start, for whoever runs it. */
export const OWN_TOKEN = "own";

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/i;

/** Adds a token under a name that only the operator sees. @throws Failure invalid, already-exists */
export async function addToken(
  tokens: TokenStore,
  { token, name, now, limits }: { token: Buffer; name: string; now: number; limits: TokenLimits },
): Promise<void> {
  if (!NAME.test(name))
    throw new Failure("invalid", "a token's name has up to 63 letters, digits, dots, dashes and underlines");
  if (!(await tokens.add(hashToken(token), { name, madeAt: now, ...limits })))
    throw new Failure("already-exists", `there is, or was, a token called ${name}: choose another name`);
}

/** Has the store know the relay's own token; once revoked it stays so. Whether it is valid. */
export async function admitOwnToken(tokens: TokenStore, token: Buffer, now: number): Promise<boolean> {
  const unlimited = { queues: undefined, octets: undefined, creationsPerHour: undefined };
  await tokens.add(hashToken(token), { name: OWN_TOKEN, madeAt: now, ...unlimited });
  return (await tokens.find(hashToken(token))) !== undefined;
}
