import { createHash } from "node:crypto";
import type { TokenHash } from "./token-store.ts";

/** What the relay knows a token by. A token is 32 random bytes, so one SHA-256 hides it; and who compares hashes gives no hint. */
export function hashToken(token: Uint8Array): TokenHash {
  return createHash("sha256").update("postern relay token\0").update(token).digest();
}
