import {
  Direction,
  IdentityChange,
  type IdentityKeyPair,
  IdentityKeyStore,
  KyberPreKeyRecord,
  KyberPreKeyStore,
  PreKeyRecord,
  PreKeyStore,
  type PrivateKey,
  type ProtocolAddress,
  type PublicKey,
  SessionRecord,
  SessionStore,
  SignedPreKeyRecord,
  SignedPreKeyStore,
} from "@signalapp/libsignal-client";
import type SQLite from "better-sqlite3-multiple-ciphers";
import { plain } from "./device-bundle.ts";

/** Whether a key is a device of that contact, by the account state that was pinned. */
export type TrustQuery = (label: string, deviceId: number, identityKey: Uint8Array) => boolean;

/** The device's own numbers and keys, as the stores need them. */
export interface DeviceKeys {
  readonly deviceId: number;
  readonly registrationId: number;
  readonly keyPair: IdentityKeyPair;
}

interface StoredRecord {
  readonly record: Buffer;
  readonly lastResort?: number;
}

/**
 * The stores' way to the database. libsignal turns whatever a store throws into a text; a failing disk must not be
 * taken for a message that does not open, so it is kept here for the one who called libsignal.
 */
export class StoreAccess {
  readonly #sqlite: SQLite.Database;
  #fault: unknown;

  constructor(sqlite: SQLite.Database) {
    this.#sqlite = sqlite;
  }

  row(sql: string, ...values: (string | number | Uint8Array)[]): StoredRecord | undefined {
    return this.guard(() => this.#sqlite.prepare(sql).get(...values) as StoredRecord | undefined);
  }

  /** In the caller's transaction. */
  run(sql: string, ...values: (string | number | Uint8Array)[]): number {
    return this.#sqlite.prepare(sql).run(...values).changes;
  }

  guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.#fault = error;
      throw error;
    }
  }

  /** What went wrong since the last call, if anything did. */
  takeFault(): unknown {
    const fault = this.#fault;
    this.#fault = undefined;
    return fault;
  }
}

/** Sessions as libsignal steps them: read from the database through what was staged, kept in memory until written. */
export class StagedSessionStore extends SessionStore {
  readonly #access: StoreAccess;
  readonly #staged = new Map<string, { label: string; deviceId: number; record: SessionRecord; changed: boolean }>();

  constructor(access: StoreAccess) {
    super();
    this.#access = access;
  }

  override async saveSession(address: ProtocolAddress, record: SessionRecord): Promise<void> {
    const [label, deviceId] = [address.name(), address.deviceId()];
    this.#staged.set(`${label}.${deviceId}`, { label, deviceId, record, changed: true });
  }

  override async getSession(address: ProtocolAddress): Promise<SessionRecord | null> {
    const [label, deviceId] = [address.name(), address.deviceId()];
    const staged = this.#staged.get(`${label}.${deviceId}`);
    if (staged !== undefined) return staged.record;
    const row = this.#access.row(
      "SELECT record FROM device_session WHERE label = ? AND device_id = ?",
      label,
      deviceId,
    );
    if (row === undefined) return null;
    const record = SessionRecord.deserialize(plain(row.record));
    this.#staged.set(`${label}.${deviceId}`, { label, deviceId, record, changed: false });
    return record;
  }

  override async getExistingSessions(addresses: ProtocolAddress[]): Promise<SessionRecord[]> {
    const records: SessionRecord[] = [];
    for (const address of addresses) {
      const record = await this.getSession(address);
      if (record === null) throw new Error("no session with one of the devices");
      records.push(record);
    }
    return records;
  }

  /** In the caller's transaction. */
  write(): void {
    for (const { label, deviceId, record, changed } of this.#staged.values())
      if (changed)
        this.#access.run("INSERT OR REPLACE INTO device_session VALUES (?, ?, ?)", label, deviceId, record.serialize());
  }
}

/** Prekeys: read from the database; those that a first message used up are gone when that is written. */
export class StagedPreKeyStore extends PreKeyStore {
  readonly #access: StoreAccess;
  readonly #removed = new Set<number>();

  constructor(access: StoreAccess) {
    super();
    this.#access = access;
  }

  override async savePreKey(): Promise<void> {
    throw new Error("prekeys are made by the device alone");
  }

  override async getPreKey(id: number): Promise<PreKeyRecord> {
    const row = this.#access.row("SELECT record FROM device_prekey WHERE id = ?", id);
    if (row === undefined || this.#removed.has(id)) throw new Error("no such prekey, or it was used");
    return PreKeyRecord.deserialize(plain(row.record));
  }

  override async removePreKey(id: number): Promise<void> {
    this.#removed.add(id);
  }

  write(): void {
    for (const id of this.#removed) this.#access.run("DELETE FROM device_prekey WHERE id = ?", id);
  }
}

export class StoredSignedPreKeyStore extends SignedPreKeyStore {
  readonly #access: StoreAccess;

  constructor(access: StoreAccess) {
    super();
    this.#access = access;
  }

  override async saveSignedPreKey(): Promise<void> {
    throw new Error("prekeys are made by the device alone");
  }

  override async getSignedPreKey(id: number): Promise<SignedPreKeyRecord> {
    const row = this.#access.row("SELECT record FROM device_signed_prekey WHERE id = ?", id);
    if (row === undefined) throw new Error("no such signed prekey");
    return SignedPreKeyRecord.deserialize(plain(row.record));
  }
}

/** A one-time Kyber prekey goes when it was used; the last-resort one stays, but never twice with the same base key. */
export class StagedKyberPreKeyStore extends KyberPreKeyStore {
  readonly #access: StoreAccess;
  readonly #used: { id: number; signedId: number; baseKey: Uint8Array }[] = [];

  constructor(access: StoreAccess) {
    super();
    this.#access = access;
  }

  override async saveKyberPreKey(): Promise<void> {
    throw new Error("prekeys are made by the device alone");
  }

  override async getKyberPreKey(id: number): Promise<KyberPreKeyRecord> {
    const row = this.#access.row("SELECT record, last_resort AS lastResort FROM device_kyber_prekey WHERE id = ?", id);
    if (row === undefined || (row.lastResort === 0 && this.#used.some((used) => used.id === id)))
      throw new Error("no such Kyber prekey, or it was used");
    return KyberPreKeyRecord.deserialize(plain(row.record));
  }

  override async markKyberPreKeyUsed(id: number, signedId: number, baseKey: PublicKey): Promise<void> {
    const bytes = baseKey.serialize();
    const known = this.#access.row(
      "SELECT 1 FROM device_kyber_used WHERE kyber_id = ? AND signed_id = ? AND base_key = ?",
      id,
      signedId,
      bytes,
    );
    const staged = this.#used.some(
      (used) => used.id === id && used.signedId === signedId && Buffer.compare(used.baseKey, bytes) === 0,
    );
    if (known !== undefined || staged) throw new Error("a first message was replayed");
    this.#used.push({ id, signedId, baseKey: bytes });
  }

  write(): void {
    for (const { id, signedId, baseKey } of this.#used) {
      if (this.#access.run("DELETE FROM device_kyber_prekey WHERE id = ? AND last_resort = 0", id) > 0) continue;
      this.#access.run("INSERT INTO device_kyber_used VALUES (?, ?, ?)", id, signedId, baseKey);
    }
  }
}

/** Trust comes from pinned account states alone: nothing that libsignal sees for the first time is remembered here. */
export class PinnedIdentityStore extends IdentityKeyStore {
  readonly #keys: DeviceKeys;
  readonly #trusted: TrustQuery;
  readonly #access: StoreAccess;

  constructor(access: StoreAccess, keys: DeviceKeys, trusted: TrustQuery) {
    super();
    this.#access = access;
    this.#keys = keys;
    this.#trusted = trusted;
  }

  override async getIdentityKey(): Promise<PrivateKey> {
    return this.#keys.keyPair.privateKey;
  }

  override async getIdentityKeyPair(): Promise<IdentityKeyPair> {
    return this.#keys.keyPair;
  }

  override async getLocalRegistrationId(): Promise<number> {
    return this.#keys.registrationId;
  }

  override async saveIdentity(): Promise<IdentityChange> {
    return IdentityChange.NewOrUnchanged;
  }

  override async isTrustedIdentity(address: ProtocolAddress, key: PublicKey, _direction: Direction): Promise<boolean> {
    return this.#access.guard(() => this.#trusted(address.name(), address.deviceId(), key.serialize()));
  }

  override async getIdentity(): Promise<PublicKey | null> {
    return null;
  }
}
