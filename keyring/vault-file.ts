import { createHash, createHmac } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { equalConstantTime } from "../foundation/bytes.ts";
import { writeFileDurably } from "../foundation/durable-file.ts";
import { errorCode, Failure, storageFailure } from "../foundation/failure.ts";
import { VAULT_FILE_MAX } from "./limits.ts";
import type { Vault } from "./vault.ts";
import { decodeVaultContent } from "./vault-content.ts";

/** The content of vault.json: what opens the vault, and nothing that must stay secret by itself. */
export interface VaultFile extends VaultContent {
  /** HMAC-SHA-256 under a key derived from the vault key, over the content: whoever lacks the key cannot change it unseen. */
  readonly mac: Buffer;
}

export interface VaultContent {
  readonly version: 1;
  /** 32 hexadecimal digits. */
  readonly id: string;
  /** The age recipient (`age1...`) of the paper key; every message file is also sealed to it. */
  readonly recoveryRecipient: string;
  /** RFC 5802 salt and iteration count, the same for all app passwords: the server names them before it knows which program logs in. */
  readonly scram: { readonly salt: Buffer; readonly iterations: number };
  readonly slots: readonly KeySlot[];
}

export type SlotKind = KeySlot["kind"];

export interface SlotBase {
  /** Unique in the file, for people: `thunderbird on the desk`. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** 32 random bytes, of this slot alone. */
  readonly salt: Buffer;
  /** The vault key, sealed under the slot's key. */
  readonly wrapped: Buffer;
}

export interface Argon2Cost {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
}

export interface PassphraseSlot extends SlotBase {
  readonly kind: "passphrase";
  readonly argon2: Argon2Cost;
}

export interface KeyFileSlot extends SlotBase {
  readonly kind: "key-file";
}

export interface PaperSlot extends SlotBase {
  readonly kind: "paper";
}

export interface AppPasswordSlot extends SlotBase {
  readonly kind: "app-password";
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export type KeySlot = PassphraseSlot | KeyFileSlot | PaperSlot | AppPasswordSlot;

/** The slots of one kind, in order. */
export function slotsOf<K extends SlotKind>(content: VaultContent, kind: K): Extract<KeySlot, { kind: K }>[] {
  return content.slots.filter((slot): slot is Extract<KeySlot, { kind: K }> => slot.kind === kind);
}

/** The content with its MAC. */
export function sealVaultContent(content: VaultContent, vault: Vault): VaultFile {
  const { version, id, recoveryRecipient, scram, slots } = content;
  return { version, id, recoveryRecipient, scram, slots, mac: contentMac(content, vault) };
}

/** @throws Failure damaged, unless whoever wrote the file held the vault's key */
export function checkVaultFile(file: VaultFile, vault: Vault): void {
  if (file.id !== vault.id || !equalConstantTime(file.mac, contentMac(file, vault)))
    throw new Failure("damaged", "vault.json was changed by something else than this program: restore it from a copy");
}

/** @throws Failure damaged; the text is left alone, so that a copy can be compared with it */
export function parseVaultFile(text: string): VaultFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const file = decodeVaultContent(json);
  const checksum = typeof json === "object" && json !== null && "checksum" in json ? json.checksum : undefined;
  if (file === undefined || checksum !== checksumOf(file))
    throw new Failure("damaged", "vault.json is damaged: restore it from a copy; nothing in the vault is lost");
  return file;
}

/** JSON, with a checksum that tells a damaged file from a wrong secret. */
export function formatVaultFile(file: VaultFile): string {
  return `${JSON.stringify({ ...plain(file), mac: file.mac.toString("base64"), checksum: checksumOf(file) }, undefined, 2)}\n`;
}

/** undefined where there is no such file. @throws Failure damaged */
export async function readVaultFile(path: string): Promise<VaultFile | undefined> {
  try {
    if ((await stat(path)).size > VAULT_FILE_MAX) return parseVaultFile("");
    return parseVaultFile(await readFile(path, "utf8"));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw storageFailure(error);
  }
}

/** Durable, mode 0600; after a crash the old or the new file is there. @throws Failure full, forbidden */
export async function writeVaultFile(path: string, file: VaultFile): Promise<void> {
  try {
    await writeFileDurably(path, formatVaultFile(file));
  } catch (error) {
    throw storageFailure(error);
  }
}

function contentMac(content: VaultContent, vault: Vault): Buffer {
  return createHmac("sha256", vault.derive("vault.json"))
    .update(JSON.stringify(plain(content)))
    .digest();
}

function checksumOf(file: VaultFile): string {
  return createHash("sha256")
    .update(JSON.stringify([plain(file), file.mac.toString("base64")]))
    .digest("hex");
}

/** The content as JSON values, members always in the same order: MAC and checksum are over this text. */
function plain({ version, id, recoveryRecipient, scram, slots }: VaultContent): object {
  return {
    version,
    id,
    recoveryRecipient,
    scram: { salt: scram.salt.toString("base64"), iterations: scram.iterations },
    slots: slots.map((slot) => ({
      kind: slot.kind,
      name: slot.name,
      createdAt: slot.createdAt,
      salt: slot.salt.toString("base64"),
      ...(slot.kind === "passphrase" && {
        argon2: { memory: slot.argon2.memory, passes: slot.argon2.passes, lanes: slot.argon2.lanes },
      }),
      ...(slot.kind === "app-password" && {
        storedKey: slot.storedKey.toString("base64"),
        serverKey: slot.serverKey.toString("base64"),
      }),
      wrapped: slot.wrapped.toString("base64"),
    })),
  };
}
