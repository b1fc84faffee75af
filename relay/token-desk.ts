import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "../foundation/durable-file.ts";
import { errorCode, Failure } from "../foundation/failure.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { formatRelayUrl, parseRelayUrl, type RelayAddress, withoutToken } from "./relay-url.ts";
import { openSqliteStore } from "./sqlite/store.ts";
import type { TokenLimits, TokenUse } from "./token-store.ts";
import { addToken } from "./tokens.ts";

/** Where the relay notes how it is reached, so that new tokens can be handed out as whole URLs. */
const ADDRESS_FILE = "address";

export async function saveAddress(directory: string, address: RelayAddress): Promise<void> {
  await writeFileDurably(join(directory, ADDRESS_FILE), `${formatRelayUrl(withoutToken(address))}\n`);
}

/**
 * Adds a token and returns the relay's URL with it, for whoever is to keep queues there. The relay may be running.
 * @throws Failure nonexistent where no relay was ever started, invalid, already-exists
 */
export async function issueToken(directory: string, name: string, limits: TokenLimits): Promise<string> {
  const address = await savedAddress(directory);
  const token = randomBytes(32);
  const store = openSqliteStore(directory, DEFAULT_LIMITS);
  try {
    await addToken(store.tokens, { token, name, now: Date.now(), limits });
  } finally {
    store.close();
  }
  return formatRelayUrl({ ...address, token });
}

/** @throws Failure nonexistent */
export async function revokeToken(directory: string, name: string, what: "stays" | "goes"): Promise<void> {
  await savedAddress(directory);
  const store = openSqliteStore(directory, DEFAULT_LIMITS);
  try {
    if (!(await store.tokens.revoke(name, Date.now(), what)))
      throw new Failure("nonexistent", `there is no valid token called ${name}: postern relay token list shows them`);
  } finally {
    store.close();
  }
}

/** @throws Failure nonexistent */
export async function listTokens(directory: string): Promise<readonly TokenUse[]> {
  await savedAddress(directory);
  const store = openSqliteStore(directory, DEFAULT_LIMITS);
  try {
    return await store.tokens.list();
  } finally {
    store.close();
  }
}

async function savedAddress(directory: string): Promise<RelayAddress> {
  try {
    return parseRelayUrl(await readFile(join(directory, ADDRESS_FILE), "utf8"));
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    throw new Failure("nonexistent", `no relay was ever started in ${directory}: start it once with postern relay`);
  }
}
