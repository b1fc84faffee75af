import { encryptKey, type Key, type PrivateKey, type PublicKey, readPrivateKey } from "openpgp";
import { Failure } from "../../foundation/failure.ts";
import type { KeyBinding, KeyOrigin, OpenPgpKeys } from "../../keyring/openpgp-keys.ts";
import {
  addressesOf,
  type Fitness,
  fitnessOf,
  makeKey,
  merge,
  readCertificate,
  readKeyring,
  toCertificate,
  withoutPassphrase,
} from "./key-material.ts";
import { type KeyNotice, keyChangedNotice, keyRevokedNotice } from "./key-notices.ts";
import { OPENPGP_CONFIG, plainBytes } from "./openpgp-config.ts";
import type { LetterKeys } from "./read-letter.ts";

export interface KeyBookOptions {
  readonly store: OpenPgpKeys;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Tells the user of keys that changed. */
  readonly notify: (notice: KeyNotice) => void;
}

/** The key to encrypt to, or why there is none. */
export type RecipientKey =
  | { readonly kind: "key"; readonly key: PublicKey; readonly binding: KeyBinding }
  | { readonly kind: "none" }
  | { readonly kind: "unusable"; readonly fitness: Exclude<Fitness, "fit"> };

export interface ImportedKey {
  readonly fingerprint: string;
  readonly addresses: readonly string[];
  readonly secret: boolean;
}

/** OpenPGP keys as letters need them, over the store. */
export class KeyBook implements LetterKeys {
  readonly #store: OpenPgpKeys;
  readonly #now: () => number;
  readonly #notify: KeyBookOptions["notify"];
  #own: readonly PrivateKey[] = [];

  private constructor({ store, now, notify }: KeyBookOptions) {
    this.#store = store;
    this.#now = now;
    this.#notify = notify;
  }

  static async open(options: KeyBookOptions): Promise<KeyBook> {
    const book = new KeyBook(options);
    await book.#readOwn();
    return book;
  }

  /** The newest first. */
  get own(): readonly PrivateKey[] {
    return this.#own;
  }

  /** The own key that letters from this address are signed with. */
  ownFor(address: string): PrivateKey | undefined {
    const bindings = this.#store.bindings(address.toLowerCase()).filter(({ origin }) => origin === "own");
    return this.#own.find((key) => bindings.some(({ fingerprint }) => fingerprint === key.getFingerprint()));
  }

  async withKeyId(keyIds: readonly string[]): Promise<readonly PublicKey[]> {
    const found = await Promise.all(this.#store.withKeyIds(keyIds).map(readCertificate));
    return found.filter((key) => key !== undefined);
  }

  belongsTo(fingerprint: string, address: string): boolean {
    return this.#store.isAccepted(fingerprint, address);
  }

  /**
   * Remembers a certificate and whose it is. Nothing is replaced in silence: a further key of an address that has one
   * waits until the user says that it is right, and the user is told.
   */
  async learn(key: PublicKey, address: string, origin: KeyOrigin): Promise<void> {
    const bindings = this.#store.bindings(address);
    const isOwn = bindings.some((one) => one.origin === "own");
    // Who writes in one's own name is not believed.
    if (isOwn && origin !== "own" && origin !== "import") return;
    const fingerprint = key.getFingerprint();
    const now = this.#now();
    const before = this.#store.certificate(fingerprint);
    const known = before === undefined ? undefined : await readCertificate(before);
    const merged = known === undefined ? key : await merge(known, key, now).catch(() => known);
    const wasRevoked = known !== undefined && (await fitnessOf(known, now)) === "revoked";
    if (before === undefined || !before.equals(Buffer.from(merged.write())))
      this.#store.storeCertificate(await toCertificate(merged));
    const { outcome } = this.#store.bind(address, fingerprint, origin);
    if (outcome === "another" && origin !== "gossip" && origin !== "import" && origin !== "own") {
      const accepted = bindings.find((one) => one.accepted);
      this.#notify(
        keyChangedNotice({ address, fingerprint, origin, ...(accepted && { before: accepted.fingerprint }) }),
      );
    }
    if (known !== undefined && !wasRevoked && (await fitnessOf(merged, now)) === "revoked")
      this.#notify(keyRevokedNotice({ address, fingerprint }));
  }

  /** The first usable one of those that are accepted; where none ever was, what a third person said. */
  async keyFor(address: string): Promise<RecipientKey> {
    const bindings = this.#store.bindings(address.toLowerCase());
    const accepted = bindings.filter((one) => one.accepted);
    let worst: Exclude<Fitness, "fit"> | undefined;
    for (const binding of accepted.length > 0 ? accepted : bindings) {
      const certificate = this.#store.certificate(binding.fingerprint);
      const key = certificate && (await readCertificate(certificate));
      if (key === undefined) continue;
      const fitness = await fitnessOf(key, this.#now());
      if (fitness === "fit") return { kind: "key", key, binding };
      worst ??= fitness;
    }
    return worst === undefined ? { kind: "none" } : { kind: "unusable", fitness: worst };
  }

  /** @throws Failure already-exists where the address has one */
  async make(address: string, name?: string): Promise<ImportedKey> {
    const lower = address.toLowerCase();
    if (this.ownFor(lower) !== undefined)
      throw new Failure(
        "already-exists",
        `${lower} has a key already: \`postern gateway key list\` shows it; make another one with --another`,
      );
    return await this.makeAnother(lower, name);
  }

  async makeAnother(address: string, name?: string): Promise<ImportedKey> {
    // A moment ago, so that a correspondent whose clock is behind does not find it to be of the future.
    const key = await makeKey(address, name, this.#now() - CLOCK_DIFFERENCE);
    return await this.#keep(key, [address.toLowerCase()]);
  }

  /**
   * Keys that the user brings, own and others'. @throws Failure invalid, too-big, forbidden for a wrong passphrase; then
   * nothing was taken
   */
  async import(octets: Uint8Array, passphrase?: string): Promise<readonly ImportedKey[]> {
    const keys = await readKeyring(octets);
    const opened: Key[] = [];
    for (const key of keys) opened.push(key.isPrivate() ? await withoutPassphrase(key, passphrase) : key);
    const imported: ImportedKey[] = [];
    for (const key of opened) {
      const addresses = await addressesOf(key, this.#now());
      if (key.isPrivate()) {
        imported.push(await this.#keep(key, addresses));
        continue;
      }
      const certificate = key.toPublic();
      for (const address of addresses) await this.learn(certificate, address, "import");
      imported.push({ fingerprint: key.getFingerprint(), addresses, secret: false });
    }
    return imported;
  }

  /** Armored, as it is to be given to others. @throws Failure nonexistent */
  async exportPublic(address: string): Promise<string> {
    const found = this.ownFor(address)?.toPublic() ?? (await this.#anyKey(address.toLowerCase()));
    if (found === undefined) throw noKey(address);
    return found.armor();
  }

  /** Armored, under a passphrase. @throws Failure nonexistent; invalid without a passphrase */
  async exportSecret(address: string, passphrase: string | undefined): Promise<string> {
    const privateKey = this.ownFor(address);
    if (privateKey === undefined) throw noKey(address);
    if (passphrase === undefined || passphrase === "")
      throw new Failure("invalid", "a secret key leaves only under a passphrase: give one");
    return (await encryptKey({ privateKey, passphrase, config: OPENPGP_CONFIG })).armor();
  }

  /** Whether the certificate can be encrypted to now. */
  async fitness(fingerprint: string): Promise<Fitness> {
    const certificate = this.#store.certificate(fingerprint);
    const key = certificate && (await readCertificate(certificate));
    return key === undefined ? "unfit" : await fitnessOf(key, this.#now());
  }

  async #anyKey(address: string): Promise<PublicKey | undefined> {
    const [binding] = this.#store.bindings(address);
    const certificate = binding && this.#store.certificate(binding.fingerprint);
    return certificate && (await readCertificate(certificate));
  }

  /** A secret key that is one's own from now on. */
  async keepOwn(key: PrivateKey): Promise<ImportedKey> {
    return await this.#keep(key, await addressesOf(key, this.#now()));
  }

  async #keep(key: PrivateKey, addresses: readonly string[]): Promise<ImportedKey> {
    this.#store.addOwn(key.write(), await toCertificate(key), addresses);
    await this.#readOwn();
    return { fingerprint: key.getFingerprint(), addresses, secret: true };
  }

  async #readOwn(): Promise<void> {
    const keys = this.#store
      .own()
      .map(({ secret }) => readPrivateKey({ binaryKey: plainBytes(secret), config: OPENPGP_CONFIG }));
    this.#own = await Promise.all(keys);
  }
}

function noKey(address: string): Failure {
  return new Failure(
    "nonexistent",
    `no key of ${address} is known here: \`postern gateway key list\` shows those that are`,
  );
}

/** Milliseconds that another machine's clock may be behind. */
const CLOCK_DIFFERENCE = 60_000;
