import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Failure } from "../../foundation/failure.ts";
import { Mutex } from "../../foundation/mutex.ts";
import { newAppPassword, verifyAppPassword, verifyScramProof } from "../../keyring/app-password.ts";
import { readKeyFile } from "../../keyring/key-file.ts";
import { addSlot, listSlots, openVault, removeSlot, type SlotSecret } from "../../keyring/key-slots.ts";
import type { Vault } from "../../keyring/vault.ts";
import { checkVaultFile, readVaultFile, type VaultFile, writeVaultFile } from "../../keyring/vault-file.ts";
import type { Config } from "../config.ts";
import { exists, type HomePaths } from "./home.ts";

/** The first line of a passphrase file. @throws Failure nonexistent, invalid */
export async function readPassphraseFile(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new Failure("nonexistent", `the passphrase file ${path} cannot be read`, { cause: error });
  });
  const passphrase = text.split(/\r?\n/)[0] ?? "";
  if (passphrase === "") throw new Failure("invalid", `the first line of the passphrase file ${path} is empty`);
  return passphrase;
}

/** The secret that the settings name for opening the vault at start; undefined where they name none. @throws Failure */
export async function configuredSecret(config: Config): Promise<SlotSecret | undefined> {
  if (config.passphraseFile !== undefined) return { passphrase: await readPassphraseFile(config.passphraseFile) };
  if (config.keyFile !== undefined) {
    if (!(await exists(config.keyFile)))
      throw new Failure(
        "locked",
        `the key file ${config.keyFile} is not there: bring it back, or name another in config.toml`,
      );
    return { keyFile: await readKeyFile(config.keyFile) };
  }
  return undefined;
}

/**
 * The home's vault, closed until a key slot's secret comes: from the settings at start, or with a mail program's login.
 * `T` is what there is behind it, made once when it opens.
 */
export class VaultGate<T> {
  readonly #path: string;
  #file: VaultFile;
  readonly #enter: (vault: Vault) => Promise<T>;
  readonly #mutex = new Mutex();
  #opened: { readonly vault: Vault; readonly inside: T } | undefined;

  private constructor(path: string, file: VaultFile, enter: (vault: Vault) => Promise<T>) {
    this.#path = path;
    this.#file = file;
    this.#enter = enter;
  }

  /** @throws Failure nonexistent, damaged */
  static async load<T>(paths: HomePaths, enter: (vault: Vault, file: VaultFile) => Promise<T>): Promise<VaultGate<T>> {
    const file = await readVaultFile(paths.vault);
    if (file === undefined)
      throw new Failure("nonexistent", `there is no vault in ${paths.home}: \`postern init\` makes one`);
    return new VaultGate(paths.vault, file, (vault) => enter(vault, file));
  }

  /** What is behind, if the vault is open. */
  get inside(): T | undefined {
    return this.#opened?.inside;
  }

  /** The same, where it must be open. @throws Failure locked */
  require(): T {
    if (this.#opened === undefined)
      throw new Failure(
        "locked",
        "the vault is locked: log in once with a mail program, or name a passphrase or key file in config.toml",
      );
    return this.#opened.inside;
  }

  /** @throws Failure locked, if the secret fits no slot */
  async unlock(secret: SlotSecret): Promise<T> {
    return await this.#mutex.run(async () => {
      if (this.#opened !== undefined) return this.#opened.inside;
      const vault = await openVault(this.#file, secret);
      if (vault === undefined)
        throw new Failure("locked", "the passphrase or key file does not open the vault; nothing was changed");
      return await this.#open(vault);
    });
  }

  /** What is behind, for the holder of an app password; undefined for a wrong one. */
  async login(password: string): Promise<T | undefined> {
    const opened = this.#opened;
    if (opened !== undefined)
      return (await verifyAppPassword(this.#file, opened.vault, password)) === undefined ? undefined : opened.inside;
    return await this.#mutex.run(async () => {
      const vault = await openVault(this.#file, { appPassword: password });
      if (vault === undefined) return undefined;
      return this.#opened?.inside ?? (await this.#open(vault));
    });
  }

  /** What SCRAM-SHA-256 needs to know beforehand; the same for all app passwords, and while it is locked. */
  get scram(): { readonly salt: Uint8Array; readonly iterations: number } {
    return this.#file.scram;
  }

  /** As login, for a proof of SCRAM-SHA-256 (RFC 5802 section 3) in place of the password; with the answer that is due to it. */
  async loginWithProof(
    authMessage: string,
    proof: Uint8Array,
  ): Promise<{ readonly inside: T; readonly serverSignature: Buffer } | undefined> {
    return await this.#mutex.run(async () => {
      const proven = verifyScramProof(this.#file, authMessage, proof);
      if (proven === undefined) return undefined;
      const { clientKey, serverSignature } = proven;
      try {
        const opened = this.#opened;
        if (opened !== undefined) {
          checkVaultFile(this.#file, opened.vault);
          return { inside: opened.inside, serverSignature };
        }
        const vault = await openVault(this.#file, { clientKey });
        return vault && { inside: await this.#open(vault), serverSignature };
      } finally {
        clientKey.fill(0);
      }
    });
  }

  /** A new app password under a name of its own; shown once and kept nowhere. @throws Failure already-exists */
  async addAppPassword(name: string): Promise<string> {
    return await this.#change(async (vault) => {
      const password = newAppPassword(randomBytes);
      const slot = { kind: "app-password", password } as const;
      return [await addSlot(this.#file, vault, name, slot, { random: randomBytes, now: Date.now() }), password];
    });
  }

  appPasswordNames(): string[] {
    return listSlots(this.#file).flatMap(({ name, kind }) => (kind === "app-password" ? [name] : []));
  }

  /** @throws Failure nonexistent, forbidden */
  async removeAppPassword(name: string): Promise<void> {
    if (!this.appPasswordNames().includes(name))
      throw new Failure(
        "nonexistent",
        `there is no app password "${name}"; \`postern app-password --list\` names them`,
      );
    await this.#change((vault) => [removeSlot(this.#file, vault, name), undefined]);
  }

  async #change<R>(change: (vault: Vault) => Promise<[VaultFile, R]> | [VaultFile, R]): Promise<R> {
    return await this.#mutex.run(async () => {
      this.require();
      const [file, result] = await change((this.#opened as { vault: Vault }).vault);
      await writeVaultFile(this.#path, file);
      this.#file = file;
      return result;
    });
  }

  async #open(vault: Vault): Promise<T> {
    const inside = await this.#enter(vault);
    this.#opened = { vault, inside };
    return inside;
  }
}
