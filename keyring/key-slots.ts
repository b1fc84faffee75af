import type { RandomSource } from "./random.ts";
import type { Vault } from "./vault.ts";
import type { Argon2Cost, SlotKind, VaultFile } from "./vault-file.ts";

/** What a new slot is made of. */
export type NewSlot =
  | { readonly kind: "passphrase"; readonly passphrase: string; readonly cost?: Argon2Cost }
  /** 32 bytes; see key-file.ts. */
  | { readonly kind: "key-file"; readonly key: Uint8Array }
  /** As newAppPassword made it. */
  | { readonly kind: "app-password"; readonly password: string }
  | { readonly kind: "paper"; readonly masterSeed: Uint8Array };

/** What somebody offers to open the vault with. */
export type SlotSecret =
  | { readonly passphrase: string }
  | { readonly keyFile: Uint8Array }
  | { readonly appPassword: string }
  /** SCRAM's ClientKey, as a server recovers it from a login that succeeded. */
  | { readonly clientKey: Uint8Array }
  | { readonly masterSeed: Uint8Array };

export interface SlotOptions {
  readonly random: RandomSource;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A new vault with a random key and one slot. @throws Failure invalid */
export async function createVault(
  _recoveryRecipient: string,
  _name: string,
  _slot: NewSlot,
  _options: SlotOptions & { readonly scramIterations?: number },
): Promise<{ file: VaultFile; vault: Vault }> {
  throw new Error("not written");
}

/** The open vault; undefined if the secret fits no slot. @throws Failure damaged, where a slot opens and the rest was changed by somebody without the key */
export async function openVault(_file: VaultFile, _secret: SlotSecret): Promise<Vault | undefined> {
  throw new Error("not written");
}

/** The file with one more slot. @throws Failure already-exists, invalid, damaged */
export async function addSlot(
  _file: VaultFile,
  _vault: Vault,
  _name: string,
  _slot: NewSlot,
  _options: SlotOptions,
): Promise<VaultFile> {
  throw new Error("not written");
}

/** The file without that slot. @throws Failure nonexistent; forbidden for the last one; damaged */
export function removeSlot(_file: VaultFile, _vault: Vault, _name: string): VaultFile {
  throw new Error("not written");
}

/** Names and kinds, in the order in which they were added. */
export function listSlots(_file: VaultFile): { name: string; kind: SlotKind; createdAt: number }[] {
  throw new Error("not written");
}
