import { decodeBase32, encodeBase32 } from "../foundation/base32.ts";
import { equalConstantTime } from "../foundation/bytes.ts";
import type { RandomSource } from "./random.ts";
import { provenClientKey, scramKeys, serverSignature } from "./scram.ts";
import type { Vault } from "./vault.ts";
import { type AppPasswordSlot, checkVaultFile, type VaultFile } from "./vault-file.ts";

const PASSWORD_BYTES = 16;

/** 128 random bits as `abcd-efgh-ijkl-mnop-qrst-uvwx-ya`; to be shown once and kept nowhere. */
export function newAppPassword(random: RandomSource): string {
  return formatAppPassword(random(PASSWORD_BYTES));
}

/**
 * The spelling that was shown, for one typed with other case, spaces or hyphens; undefined for what cannot be an app
 * password. SCRAM hashes this spelling, hyphens and all.
 */
export function normalizeAppPassword(typed: string): string | undefined {
  if (typed.length > 100) return undefined;
  const bytes = decodeBase32(typed.replace(/[\s-]/g, ""));
  return bytes?.length === PASSWORD_BYTES ? formatAppPassword(bytes) : undefined;
}

function formatAppPassword(bytes: Uint8Array): string {
  return (encodeBase32(bytes).match(/.{1,4}/g) ?? []).join("-");
}

/** What a SCRAM-SHA-256 server keeps of one program's password (RFC 5802 section 3); salt and iterations are the same for all. */
export interface ScramCredentials {
  /** The slot's name. */
  readonly name: string;
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** Of all app passwords. A server tries a client's proof against each StoredKey and answers with that one's ServerKey. */
export function scramCredentials(file: VaultFile): ScramCredentials[] {
  return appPasswordSlots(file).map(({ name, storedKey, serverKey }) => ({
    name,
    ...file.scram,
    storedKey,
    serverKey,
  }));
}

/**
 * The name of the slot that the password belongs to; for use while the vault is open. One PBKDF2 for all slots, and
 * the same time whichever fits.
 * @throws Failure damaged, where the file was changed by somebody without the vault's key
 */
export async function verifyAppPassword(file: VaultFile, vault: Vault, password: string): Promise<string | undefined> {
  checkVaultFile(file, vault);
  const spelt = normalizeAppPassword(password);
  if (spelt === undefined) return undefined;
  const { storedKey } = await scramKeys(spelt, file.scram.salt, file.scram.iterations);
  return findByStoredKey(file, storedKey)?.name;
}

/** A SCRAM login whose proof is right. */
export interface ScramProof {
  /** Opens the vault (key-slots.ts). */
  readonly clientKey: Buffer;
  /** To be sent to the client, which thereby knows the server. */
  readonly serverSignature: Buffer;
}

/**
 * Which app password made a client's proof; undefined if none did. Every slot is tried, so that it takes the same time
 * whichever fits. The file is not checked: see checkVaultFile.
 */
export function verifyScramProof(file: VaultFile, authMessage: string, proof: Uint8Array): ScramProof | undefined {
  let found: ScramProof | undefined;
  for (const { storedKey, serverKey } of appPasswordSlots(file)) {
    const clientKey = provenClientKey(storedKey, authMessage, proof);
    const signature = serverSignature(serverKey, authMessage);
    if (clientKey !== undefined) found = { clientKey, serverSignature: signature };
  }
  return found;
}

/** The slot with that StoredKey; the same time whichever fits. */
export function findByStoredKey(file: VaultFile, storedKey: Uint8Array): AppPasswordSlot | undefined {
  let found: AppPasswordSlot | undefined;
  for (const slot of appPasswordSlots(file)) if (equalConstantTime(slot.storedKey, storedKey)) found = slot;
  return found;
}

function appPasswordSlots(file: VaultFile): AppPasswordSlot[] {
  return file.slots.filter((slot) => slot.kind === "app-password");
}
