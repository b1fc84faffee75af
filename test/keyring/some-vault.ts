import { createVault, type NewSlot } from "../../keyring/key-slots.ts";
import { recoveryIdentity } from "../../keyring/recovery-identity.ts";
import type { Vault } from "../../keyring/vault.ts";
import type { Argon2Cost, VaultFile } from "../../keyring/vault-file.ts";
import { fixedRandom } from "./fixed-random.ts";

export const NOW = Date.UTC(2026, 10, 23);
export const SEED = Buffer.alloc(32, 7);
export const RECIPIENT = recoveryIdentity(SEED).recipient;
/** As cheap as the bounds allow. */
export const CHEAP: Argon2Cost = { memory: 1024, passes: 1, lanes: 1 };
export const KEY = Buffer.alloc(32, 9);

export function slotOptions(seed = "slots") {
  return { random: fixedRandom(seed), now: NOW };
}

/** A vault with one slot, a key file's unless another is given. */
export function someVault(slot: NewSlot = { kind: "key-file", key: KEY }): Promise<{ file: VaultFile; vault: Vault }> {
  return createVault(RECIPIENT, "first", slot, slotOptions("vault"));
}
