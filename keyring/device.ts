import { createHmac } from "node:crypto";
import {
  IdentityKeyPair,
  KEMKeyPair,
  KyberPreKeyRecord,
  PreKeyBundle,
  PreKeyRecord,
  PrivateKey,
  SignedPreKeyRecord,
} from "@signalapp/libsignal-client";
import type { Database } from "../foundation/database.ts";
import { Failure } from "../foundation/failure.ts";
import { deriveKey } from "../foundation/seal.ts";
import { encodeBundle, plain } from "./device-bundle.ts";
import { SIGNED_PREKEY_LIFETIME, SIGNED_PREKEY_ROTATION } from "./device-limits.ts";
import { deviceSchema } from "./device-schema.ts";
import { SessionBatch } from "./device-sessions.ts";
import type { DeviceKeys, TrustQuery } from "./device-staging.ts";
import { DEVICE_ID_MAX, REGISTRATION_ID_MAX } from "./limits.ts";
import type { RandomSource } from "./random.ts";

/** Prekeys that were made for one bundle and serve one session; to be discarded when nobody can begin it any more. */
export interface ReservedPreKeys {
  readonly preKeyId: number;
  readonly kyberPreKeyId: number;
}

/** A device as an account state lists it. */
export interface DeviceKey {
  readonly deviceId: number;
  readonly registrationId: number;
  readonly identityKey: Buffer;
}

/** This bridge installation as libsignal knows it. All methods are synchronous and join the caller's transaction. */
export interface Device {
  /** 1..127, unique within the identity. */
  readonly deviceId: number;
  readonly registrationId: number;
  /** libsignal's serialized public key, 33 bytes. */
  readonly identityKey: Buffer;
  /**
   * New keys under another device id: this installation is another device from now on. Prekeys and sessions of the old
   * one are gone. Until the caller's transaction is committed, the object still has the old keys.
   */
  replace(options: { readonly random: RandomSource; readonly deviceId: number }): DeviceKey;
  /** 16 bytes that only this device can make or check, over what it is asked for. */
  mark(message: Uint8Array): Buffer;
  /** A bundle with one-time prekeys of its own; see device-bundle.ts. */
  createBundle(now: number): { readonly bytes: Buffer; readonly reserved: ReservedPreKeys };
  /** A bundle that may begin any number of sessions, by the last-resort Kyber prekey. */
  lastResortBundle(now: number): Buffer;
  /** No error if they were used or discarded before. */
  discardPreKeys(reserved: ReservedPreKeys): void;
  /** True if a session with that device was begun. */
  hasSession(label: string, deviceId: number): boolean;
  /** The contact's devices that sessions exist with, ascending. */
  sessionDevices(label: string): number[];
  removeSession(label: string, deviceId: number): void;
  removeSessions(label: string): void;
  /** Steps of the ratchet, not yet written; `own` is the own address label. One batch at a time may work on a contact's sessions. */
  sessions(own: string, trusted: TrustQuery): SessionBatch;
}

/** Makes the device's keys. @throws Failure already-exists */
export function createDevice(
  database: Database,
  options: { readonly random: RandomSource; readonly deviceId?: number },
): Device {
  const deviceId = options.deviceId ?? 1;
  if (deviceId < 1 || deviceId > DEVICE_ID_MAX) throw new RangeError("device id out of bounds");
  database.migrate(deviceSchema);
  return database.transaction(() => {
    if (loadDevice(database) !== undefined) throw new Failure("already-exists", "this bridge has its device keys");
    writeKeys(database, newKeys(options.random, deviceId));
    const device = loadDevice(database);
    if (device === undefined) throw new Error("the device that was just written is not there");
    return device;
  });
}

/** undefined where none was created yet. */
export function loadDevice(database: Database): Device | undefined {
  database.migrate(deviceSchema);
  const row = database.sqlite.prepare("SELECT device_id, registration_id, identity_key_pair FROM device").get() as
    | { device_id: number; registration_id: number; identity_key_pair: Buffer }
    | undefined;
  if (row === undefined) return undefined;
  return openDevice(database, {
    deviceId: row.device_id,
    registrationId: row.registration_id,
    keyPair: IdentityKeyPair.deserialize(plain(row.identity_key_pair)),
  });
}

/** Bytes of a device's mark. */
const MARK_LENGTH = 16;

function markKeyOf({ keyPair }: DeviceKeys): Buffer {
  return deriveKey(keyPair.privateKey.serialize(), "postern mark 1");
}

function newKeys(random: RandomSource, deviceId: number): DeviceKeys {
  const number = Buffer.from(random(4)).readUInt32BE();
  return { deviceId, registrationId: 1 + (number % (REGISTRATION_ID_MAX - 1)), keyPair: IdentityKeyPair.generate() };
}

function writeKeys(database: Database, { deviceId, registrationId, keyPair }: DeviceKeys): void {
  database.sqlite
    .prepare("INSERT OR REPLACE INTO device VALUES (1, ?, ?, ?)")
    .run(deviceId, registrationId, keyPair.serialize());
}

function openDevice(database: Database, loaded: DeviceKeys): Device {
  const { sqlite } = database;
  let keys = loaded;
  let identityKey = Buffer.from(keys.keyPair.publicKey.serialize());
  let markKey = markKeyOf(keys);

  function signedPreKey(now: number): SignedPreKeyRecord {
    const newest = sqlite
      .prepare("SELECT created_at, record FROM device_signed_prekey ORDER BY id DESC LIMIT 1")
      .get() as { created_at: number; record: Buffer } | undefined;
    if (newest !== undefined && now - newest.created_at < SIGNED_PREKEY_ROTATION)
      return SignedPreKeyRecord.deserialize(plain(newest.record));
    sqlite.prepare("DELETE FROM device_signed_prekey WHERE created_at < ?").run(now - SIGNED_PREKEY_LIFETIME);
    const id = reserve("device_signed_prekey (created_at, record) VALUES (?, x'')", now);
    const key = PrivateKey.generate();
    const publicKey = key.getPublicKey();
    const signature = keys.keyPair.privateKey.sign(publicKey.serialize());
    const record = SignedPreKeyRecord.new(id, now, publicKey, key, signature);
    sqlite.prepare("UPDATE device_signed_prekey SET record = ? WHERE id = ?").run(record.serialize(), id);
    return record;
  }

  function kyberPreKey(now: number, lastResort: boolean): KyberPreKeyRecord {
    if (lastResort) {
      const kept = sqlite.prepare("SELECT record FROM device_kyber_prekey WHERE last_resort = 1").pluck().get();
      if (kept !== undefined) return KyberPreKeyRecord.deserialize(plain(kept as Buffer));
    }
    const id = reserve(
      "device_kyber_prekey (created_at, last_resort, record) VALUES (?, ?, x'')",
      now,
      lastResort ? 1 : 0,
    );
    const pair = KEMKeyPair.generate();
    const signature = keys.keyPair.privateKey.sign(pair.getPublicKey().serialize());
    const record = KyberPreKeyRecord.new(id, now, pair, signature);
    sqlite.prepare("UPDATE device_kyber_prekey SET record = ? WHERE id = ?").run(record.serialize(), id);
    return record;
  }

  function oneTimePreKey(): PreKeyRecord {
    const id = reserve("device_prekey (record) VALUES (x'')");
    const key = PrivateKey.generate();
    const record = PreKeyRecord.new(id, key.getPublicKey(), key);
    sqlite.prepare("UPDATE device_prekey SET record = ? WHERE id = ?").run(record.serialize(), id);
    return record;
  }

  /** A record holds its own id, so the row comes first. */
  function reserve(into: string, ...values: number[]): number {
    return Number(sqlite.prepare(`INSERT INTO ${into}`).run(...values).lastInsertRowid);
  }

  function bundle(signed: SignedPreKeyRecord, kyber: KyberPreKeyRecord, preKey: PreKeyRecord | undefined): Buffer {
    return encodeBundle(
      PreKeyBundle.new(
        keys.registrationId,
        keys.deviceId,
        preKey?.id() ?? null,
        preKey?.publicKey() ?? null,
        signed.id(),
        signed.publicKey(),
        signed.signature(),
        keys.keyPair.publicKey,
        kyber.id(),
        kyber.publicKey(),
        kyber.signature(),
      ),
    );
  }

  return {
    get deviceId() {
      return keys.deviceId;
    },
    get registrationId() {
      return keys.registrationId;
    },
    get identityKey() {
      return identityKey;
    },
    replace: ({ random, deviceId }) =>
      database.transaction(() => {
        const fresh = newKeys(random, deviceId);
        writeKeys(database, fresh);
        for (const table of ["session", "prekey", "signed_prekey", "kyber_prekey", "kyber_used"])
          sqlite.prepare(`DELETE FROM device_${table}`).run();
        const publicKey = Buffer.from(fresh.keyPair.publicKey.serialize());
        database.afterCommit(() => {
          keys = fresh;
          identityKey = publicKey;
          markKey = markKeyOf(fresh);
        });
        return { deviceId, registrationId: fresh.registrationId, identityKey: publicKey };
      }),
    mark: (message) => createHmac("sha256", markKey).update(message).digest().subarray(0, MARK_LENGTH),
    createBundle: (now) =>
      database.transaction(() => {
        const preKey = oneTimePreKey();
        const kyber = kyberPreKey(now, false);
        return {
          bytes: bundle(signedPreKey(now), kyber, preKey),
          reserved: { preKeyId: preKey.id(), kyberPreKeyId: kyber.id() },
        };
      }),
    lastResortBundle: (now) => database.transaction(() => bundle(signedPreKey(now), kyberPreKey(now, true), undefined)),
    discardPreKeys: ({ preKeyId, kyberPreKeyId }) =>
      database.transaction(() => {
        sqlite.prepare("DELETE FROM device_prekey WHERE id = ?").run(preKeyId);
        sqlite.prepare("DELETE FROM device_kyber_prekey WHERE id = ? AND last_resort = 0").run(kyberPreKeyId);
      }),
    hasSession: (label, device) =>
      sqlite.prepare("SELECT 1 FROM device_session WHERE label = ? AND device_id = ?").get(label, device) !== undefined,
    sessionDevices: (label) =>
      sqlite
        .prepare("SELECT device_id FROM device_session WHERE label = ? ORDER BY device_id")
        .pluck()
        .all(label) as number[],
    removeSession: (label, device) =>
      void sqlite.prepare("DELETE FROM device_session WHERE label = ? AND device_id = ?").run(label, device),
    removeSessions: (label) => void sqlite.prepare("DELETE FROM device_session WHERE label = ?").run(label),
    sessions: (own, trusted) => new SessionBatch(sqlite, keys, own, trusted),
  };
}
