import { Failure } from "../foundation/failure.ts";
import { findByStoredKey, normalizeAppPassword } from "./app-password.ts";
import { KEY_FILE_KEY_LENGTH } from "./key-file.ts";
import {
  ARGON2_BOUNDS,
  PASSPHRASE_MAX,
  PASSPHRASE_SLOTS_MAX,
  SCRAM_ITERATIONS_BOUNDS,
  SLOT_NAME_MAX,
  SLOTS_MAX,
} from "./limits.ts";
import type { RandomSource } from "./random.ts";
import { isRecoveryRecipient } from "./recovery-identity.ts";
import { scramKeys, storedKeyOf } from "./scram.ts";
import { DEFAULT_COST, passphraseFits, stretchPassphrase, unwrapVaultKey, wrapVaultKey } from "./slot-key.ts";
import { VAULT_KEY_LENGTH, Vault } from "./vault.ts";
import {
  type Argon2Cost,
  checkVaultFile,
  type KeySlot,
  type SlotKind,
  sealVaultContent,
  slotsOf,
  type VaultContent,
  type VaultFile,
} from "./vault-file.ts";

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

/** One line, without control characters. */
const SLOT_NAME = new RegExp(`^\\P{Cc}{1,${SLOT_NAME_MAX}}$`, "u");

export interface SlotOptions {
  readonly random: RandomSource;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A new vault with a random key and one slot. @throws Failure invalid */
export async function createVault(
  recoveryRecipient: string,
  name: string,
  slot: NewSlot,
  options: SlotOptions & { readonly scramIterations?: number },
): Promise<{ file: VaultFile; vault: Vault }> {
  if (!isRecoveryRecipient(recoveryRecipient)) throw new Failure("invalid", "that is no age recipient");
  const { random, scramIterations: iterations = SCRAM_ITERATIONS_BOUNDS[0] } = options;
  if (iterations < SCRAM_ITERATIONS_BOUNDS[0] || iterations > SCRAM_ITERATIONS_BOUNDS[1])
    throw new RangeError("SCRAM iterations out of bounds");
  const vault = new Vault(Buffer.from(random(16)).toString("hex"), random(VAULT_KEY_LENGTH));
  const empty: VaultContent = {
    version: 1,
    id: vault.id,
    recoveryRecipient,
    scram: { salt: Buffer.from(random(16)), iterations },
    slots: [],
  };
  return { file: await withSlot(empty, vault, name, slot, options), vault };
}

/**
 * The open vault; undefined if the secret fits no slot.
 * @throws Failure damaged, where a slot opens but the file was changed by somebody without the vault's key
 */
export async function openVault(file: VaultFile, secret: SlotSecret): Promise<Vault | undefined> {
  const key = await findVaultKey(file, secret);
  if (key === undefined) return undefined;
  const vault = new Vault(file.id, key);
  key.fill(0);
  checkVaultFile(file, vault);
  return vault;
}

/** The file with one more slot; the caller writes it. @throws Failure already-exists, invalid, damaged */
export async function addSlot(
  file: VaultFile,
  vault: Vault,
  name: string,
  slot: NewSlot,
  options: SlotOptions,
): Promise<VaultFile> {
  checkVaultFile(file, vault);
  return withSlot(file, vault, name, slot, options);
}

/** The file without that slot; the caller writes it. @throws Failure nonexistent; forbidden for the last one; damaged */
export function removeSlot(file: VaultFile, vault: Vault, name: string): VaultFile {
  checkVaultFile(file, vault);
  const slots = file.slots.filter((slot) => slot.name !== name);
  if (slots.length === file.slots.length) throw new Failure("nonexistent", `there is no key slot "${name}"`);
  if (slots.length === 0)
    throw new Failure(
      "forbidden",
      "the last key slot cannot be removed: nothing else opens the vault. Add another first",
    );
  return sealVaultContent({ ...file, slots }, vault);
}

/** Names and kinds, in the order in which they were added. */
export function listSlots(file: VaultFile): { name: string; kind: SlotKind; createdAt: number }[] {
  return file.slots.map(({ name, kind, createdAt }) => ({ name, kind, createdAt }));
}

async function withSlot(
  content: VaultContent,
  vault: Vault,
  name: string,
  slot: NewSlot,
  options: SlotOptions,
): Promise<VaultFile> {
  if (!SLOT_NAME.test(name))
    throw new Failure("invalid", `the name of a key slot has 1 to ${SLOT_NAME_MAX} characters on one line`);
  if (content.slots.some((other) => other.name === name))
    throw new Failure("already-exists", `there is a key slot "${name}" already`);
  if (content.slots.length >= SLOTS_MAX) throw new Failure("invalid", `a vault has at most ${SLOTS_MAX} key slots`);
  if (slot.kind === "passphrase" && slotsOf(content, "passphrase").length >= PASSPHRASE_SLOTS_MAX)
    throw new Failure("invalid", `a vault has at most ${PASSPHRASE_SLOTS_MAX} passphrases: remove one first`);
  const made = await makeSlot(content, vault, name, slot, options);
  return sealVaultContent({ ...content, slots: [...content.slots, made] }, vault);
}

async function makeSlot(
  content: VaultContent,
  vault: Vault,
  name: string,
  slot: NewSlot,
  { random, now }: SlotOptions,
): Promise<KeySlot> {
  const salt = Buffer.from(random(32));
  const wrap = (secret: Uint8Array) => ({
    name,
    createdAt: now,
    salt,
    wrapped: vault.wrap((key) => wrapVaultKey(content.id, slot.kind, secret, salt, key)),
  });
  switch (slot.kind) {
    case "passphrase": {
      const argon2 = slot.cost ?? DEFAULT_COST;
      checkCost(argon2);
      if (!passphraseFits(slot.passphrase))
        throw new Failure("invalid", `a passphrase is not empty, and has ${PASSPHRASE_MAX} bytes at most`);
      return { kind: slot.kind, argon2, ...wrap(await stretchPassphrase(slot.passphrase, salt, argon2)) };
    }
    case "key-file":
      if (slot.key.length !== KEY_FILE_KEY_LENGTH) throw new Failure("invalid", "a key file holds 32 bytes");
      return { kind: slot.kind, ...wrap(slot.key) };
    case "paper":
      return { kind: slot.kind, ...wrap(slot.masterSeed) };
    default: {
      const spelt = normalizeAppPassword(slot.password);
      if (spelt === undefined) throw new Failure("invalid", "app passwords are made by this program, not chosen");
      const { clientKey, storedKey, serverKey } = await scramKeys(spelt, content.scram.salt, content.scram.iterations);
      return { kind: slot.kind, storedKey, serverKey, ...wrap(clientKey) };
    }
  }
}

function checkCost(cost: Argon2Cost): void {
  for (const part of ["memory", "passes", "lanes"] as const) {
    const [least, most] = ARGON2_BOUNDS[part];
    if (!Number.isSafeInteger(cost[part]) || cost[part] < least || cost[part] > most)
      throw new Failure("invalid", `the passphrase's cost in ${part} must lie between ${least} and ${most}`);
  }
}

async function findVaultKey(file: VaultFile, secret: SlotSecret): Promise<Buffer | undefined> {
  if ("passphrase" in secret) return findByPassphrase(file, secret.passphrase);
  if ("keyFile" in secret) return firstThatOpens(file, "key-file", secret.keyFile);
  if ("masterSeed" in secret) return firstThatOpens(file, "paper", secret.masterSeed);
  if ("clientKey" in secret) return findByClientKey(file, secret.clientKey);
  const spelt = normalizeAppPassword(secret.appPassword);
  if (spelt === undefined) return undefined;
  return findByClientKey(file, (await scramKeys(spelt, file.scram.salt, file.scram.iterations)).clientKey);
}

async function findByPassphrase(file: VaultFile, passphrase: string): Promise<Buffer | undefined> {
  if (!passphraseFits(passphrase)) return undefined;
  for (const slot of slotsOf(file, "passphrase")) {
    const key = unwrapVaultKey(file.id, slot, await stretchPassphrase(passphrase, slot.salt, slot.argon2));
    if (key !== undefined) return key;
  }
  return undefined;
}

function findByClientKey(file: VaultFile, clientKey: Uint8Array): Buffer | undefined {
  const slot = findByStoredKey(file, storedKeyOf(clientKey));
  return slot && unwrapVaultKey(file.id, slot, clientKey);
}

function firstThatOpens(file: VaultFile, kind: SlotKind, secret: Uint8Array): Buffer | undefined {
  for (const slot of slotsOf(file, kind)) {
    const key = unwrapVaultKey(file.id, slot, secret);
    if (key !== undefined) return key;
  }
  return undefined;
}
