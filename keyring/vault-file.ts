/** The content of vault.json: what opens the vault, and nothing that must stay secret by itself. */
export interface VaultFile {
  readonly version: 1;
  /** 32 hexadecimal digits. */
  readonly id: string;
  /** The age recipient (`age1...`) of the paper key; every message file is also sealed to it. */
  readonly recoveryRecipient: string;
  /** RFC 5802 salt and iteration count, the same for all app passwords: the server names them before it knows which program logs in. */
  readonly scram: { readonly salt: Buffer; readonly iterations: number };
  readonly slots: readonly KeySlot[];
  /** HMAC under a key derived from the vault key, over all of the above. */
  readonly mac: Buffer;
}

export type SlotKind = KeySlot["kind"];

interface SlotBase {
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

/** @throws Failure damaged */
export function parseVaultFile(_text: string): VaultFile {
  throw new Error("not written");
}

export function formatVaultFile(_file: VaultFile): string {
  throw new Error("not written");
}

/** undefined where there is no such file. @throws Failure damaged */
export async function readVaultFile(_path: string): Promise<VaultFile | undefined> {
  throw new Error("not written");
}

/** Durable, mode 0600. */
export async function writeVaultFile(_path: string, _file: VaultFile): Promise<void> {
  throw new Error("not written");
}
