import { Failure } from "../foundation/failure.ts";
import { deriveKey } from "../foundation/seal.ts";

/** Bytes of the vault key, and of every key derived from it. */
export const VAULT_KEY_LENGTH = 32;

/** An open vault: the key behind all keys, which this object alone holds. */
export class Vault {
  /** Random, in vault.json; tells one vault from another. */
  readonly id: string;
  readonly #key: Buffer;
  #closed = false;

  constructor(id: string, key: Uint8Array) {
    this.id = id;
    this.#key = Buffer.from(key);
  }

  /** A 32-byte key for the one use that the label names. @throws Failure locked, after close */
  derive(label: string): Buffer {
    return deriveKey(this.#open(), `postern vault ${label}`, VAULT_KEY_LENGTH, Buffer.from(this.id));
  }

  /** Hands the vault key to a function that wraps it for a key slot. @throws Failure locked, after close */
  wrap<T>(wrapKey: (vaultKey: Uint8Array) => T): T {
    return wrapKey(this.#open());
  }

  /** Locks: forgets the key. Keys that were derived before are their holders' business. */
  close(): void {
    this.#key.fill(0);
    this.#closed = true;
  }

  #open(): Buffer {
    if (this.#closed) throw new Failure("locked", "the vault is closed");
    return this.#key;
  }
}
