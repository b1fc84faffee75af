import { deriveKey, open, seal } from "../foundation/seal.ts";
import { PASSPHRASE_MAX, PASSPHRASE_MIN } from "./limits.ts";
import type { Argon2Cost, SlotKind } from "./vault-file.ts";

/** About half a second and 256 MiB per guess on a small machine of 2024; RFC 9106 section 4 asks for 64 MiB and 3 passes at least. */
export const DEFAULT_COST: Argon2Cost = { memory: 262_144, passes: 6, lanes: 4 };

/** Each slot key wraps once: its salt is new, so a constant nonce is safe (c2sp.org/age does the same). */
const NONCE = Buffer.alloc(12);

/** Seals the vault key under a slot's secret. */
export function wrapVaultKey(
  vaultId: string,
  kind: SlotKind,
  secret: Uint8Array,
  salt: Uint8Array,
  vaultKey: Uint8Array,
): Buffer {
  return seal(slotKey(kind, secret, salt), NONCE, vaultKey, Buffer.from(vaultId));
}

/** The vault key; undefined for a wrong secret. */
export function unwrapVaultKey(
  vaultId: string,
  slot: { readonly kind: SlotKind; readonly salt: Uint8Array; readonly wrapped: Uint8Array },
  secret: Uint8Array,
): Buffer | undefined {
  return open(slotKey(slot.kind, secret, slot.salt), NONCE, slot.wrapped, Buffer.from(vaultId));
}

function slotKey(kind: SlotKind, secret: Uint8Array, salt: Uint8Array): Buffer {
  return deriveKey(secret, `postern vault ${kind} slot v1`, 32, salt);
}

/** False for a passphrase that no slot may have: too short to withstand guessing, or too long to hash. */
export function passphraseFits(passphrase: string): boolean {
  return passphrase.length >= PASSPHRASE_MIN && Buffer.byteLength(passphrase) <= PASSPHRASE_MAX;
}

/** Argon2id (RFC 9106) of a passphrase in Unicode NFC. Runs on another thread. */
export async function stretchPassphrase(passphrase: string, salt: Uint8Array, cost: Argon2Cost): Promise<Buffer> {
  // Imported late: a bridge that is opened by an app password never loads it.
  const { hashRaw } = await import("@node-rs/argon2");
  // Its default algorithm is Argon2id, version 0x13.
  return hashRaw(passphrase.normalize("NFC"), {
    memoryCost: cost.memory,
    timeCost: cost.passes,
    parallelism: cost.lanes,
    outputLen: 32,
    salt,
  });
}
