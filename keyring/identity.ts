import { type AddressLabel, addressLabel, formatAddress } from "../foundation/address.ts";
import type { Database, Schema } from "../foundation/database.ts";
import { Failure } from "../foundation/failure.ts";
import {
  type AccountDevice,
  type AccountState,
  decodeAccountState,
  type SignedAccountState,
  signAccountState,
  verifyAccountState,
} from "./account-state.ts";
import { issueCertificate } from "./admin-certificate.ts";
import { ED25519_KEY_LENGTH, type SigningKey, signingKey } from "./ed25519.ts";
import { CERTIFICATE_LIFETIME, DEVICE_ID_MAX } from "./limits.ts";
import { type PinOutcome, pin } from "./pin.ts";
import type { RandomSource } from "./random.ts";
import { recoveryIdentity } from "./recovery-identity.ts";

export const identitySchema: Schema = {
  part: "keyring",
  migrations: [
    `CREATE TABLE identity (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      master_public_key BLOB NOT NULL,
      master_seed BLOB,
      admin_seed BLOB NOT NULL,
      recovery_recipient TEXT NOT NULL,
      device_id INTEGER NOT NULL,
      account_state BLOB NOT NULL
    ) STRICT`,
    "ALTER TABLE identity ADD COLUMN highest_device_id INTEGER NOT NULL DEFAULT 0",
  ],
};

/** The user's own identity, as this device holds it. All methods are synchronous and join the caller's transaction. */
export interface Identity {
  readonly label: AddressLabel;
  readonly masterPublicKey: Buffer;
  /** This device's id in the account state. */
  readonly deviceId: number;
  /** `age1...`; public. */
  readonly recoveryRecipient: string;
  /** `localPart@<label>.postern.alt` */
  address(localPart: string): string;
  /** The newest that this device knows. */
  accountState(): SignedAccountState;
  /** Ed25519 by K over `context || 0x00 || message`. */
  signWithAdmin(context: string, message: Uint8Array): Buffer;
  /** Stores and returns the next epoch, signed by K. Removing a device without revoking its key is the caller's choice. @throws RangeError where a bound is passed */
  changeAccountState(change: (state: AccountState) => AccountChange): SignedAccountState;
  /**
   * As changeAccountState, for this installation as a new device: the old one's key is revoked, if it was listed.
   * @throws Failure forbidden, where this device's admin key holds no more
   */
  replaceDevice(device: AccountDevice): SignedAccountState;
  /** The highest that any device had, as far as is known here. */
  readonly highestDeviceId: number;
  /** One that no device had before, as long as there are any. @throws Failure full */
  nextDeviceId(): number;
  /**
   * Takes a state of the own identity that somebody else showed, if it is newer: another installation made it.
   */
  adopt(bytes: Uint8Array, now: number): PinOutcome;
  /** Revokes by K; removes the device from the list. @throws Failure nonexistent; forbidden, where K holds no more */
  revokeDevice(deviceId: number): SignedAccountState;
  /** Until the user has written it down; a secret. */
  masterSeed(): Buffer | undefined;
  /** Overwrites the seed in the database; the paper is then the only copy. */
  forgetMasterSeed(): void;
  /**
   * A new admin key, certified by M for a year from now. The state that announces it is signed by M and beats all before;
   * devices whose ids are given are revoked in it, and so is whoever else holds the old admin key.
   * @throws Failure forbidden for another identity's seed; nonexistent, where there is no such device
   */
  renewAdminKey(masterSeed: Uint8Array, now: number, revoke?: readonly number[]): SignedAccountState;
  /** True if the state is signed by the admin key that this device holds. */
  holdsAdminKey(): boolean;
}

export type AccountChange = Partial<Pick<AccountState, "devices" | "revoked" | "relays">>;

export interface NewIdentity {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly random: RandomSource;
  readonly device: {
    readonly identityKey: Uint8Array;
    readonly registrationId: number;
    /** 1 where absent; one that was never used before where the identity is restored from paper. */
    readonly deviceId?: number;
  };
  /** From newMasterSeed or from paper; a new one where absent. */
  readonly masterSeed?: Uint8Array;
  readonly relays?: readonly string[];
}

/**
 * Creates the identity, or restores it from its paper seed: the first state is signed by M with a new certificate, so
 * that contacts take it in place of any that they have. The seed is kept until forgetMasterSeed.
 * @throws Failure already-exists
 */
export function createIdentity(database: Database, options: NewIdentity): Identity {
  const { now, random, device, relays = [] } = options;
  const masterSeed = Buffer.from(options.masterSeed ?? random(ED25519_KEY_LENGTH));
  const master = signingKey(masterSeed);
  const adminSeed = Buffer.from(random(ED25519_KEY_LENGTH));
  const { deviceId = 1, registrationId } = device;
  const first: AccountState = {
    masterPublicKey: master.publicKey,
    epoch: 1,
    prevHash: Buffer.alloc(32),
    certificate: issueCertificate(master, signingKey(adminSeed).publicKey, now, now + CERTIFICATE_LIFETIME),
    devices: [{ deviceId, registrationId, identityKey: Buffer.from(device.identityKey) }],
    revoked: [],
    relays,
  };
  const { bytes } = signAccountState(first, master);
  const { recipient } = recoveryIdentity(masterSeed);
  database.migrate(identitySchema);
  return database.transaction(() => {
    if (readRow(database) !== undefined) throw new Failure("already-exists", "this vault has an identity already");
    database.sqlite
      .prepare("INSERT INTO identity VALUES (1, ?, ?, ?, ?, ?, ?, ?)")
      .run(master.publicKey, masterSeed, adminSeed, recipient, deviceId, bytes, deviceId);
    return new StoredIdentity(database, random);
  });
}

export interface RestoredIdentity {
  readonly random: RandomSource;
  readonly masterSeed: Uint8Array;
  /** The newest account state that could be found. */
  readonly accountState: Uint8Array;
  /** Ids up to this one were given to devices before, or may have been. */
  readonly highestDeviceId: number;
}

/**
 * The identity of an account state, in place of one of its devices; the admin key is another, so renewAdminKey has to
 * follow before anything can be signed. The seed is not kept. @throws Failure damaged, forbidden, already-exists
 */
export function restoreIdentity(database: Database, restored: RestoredIdentity): Identity {
  const { random, masterSeed, accountState, highestDeviceId } = restored;
  const verification = decodeAccountState(accountState);
  if (verification.kind === "invalid") throw new Failure("damaged", `the account state: ${verification.why}`);
  const { state, bytes } = verification.signed;
  if (!signingKey(masterSeed).publicKey.equals(state.masterPublicKey))
    throw new Failure("forbidden", "these words are another identity's paper key");
  const highest = Math.max(highestDeviceId, ...state.devices.map(({ deviceId }) => deviceId));
  const own = state.devices[0]?.deviceId ?? Math.max(1, highestDeviceId);
  const { recipient } = recoveryIdentity(masterSeed);
  database.migrate(identitySchema);
  return database.transaction(() => {
    if (readRow(database) !== undefined) throw new Failure("already-exists", "this vault has an identity already");
    database.sqlite
      .prepare("INSERT INTO identity VALUES (1, ?, NULL, ?, ?, ?, ?, ?)")
      .run(state.masterPublicKey, random(ED25519_KEY_LENGTH), recipient, own, bytes, highest);
    return new StoredIdentity(database, random);
  });
}

/** undefined where none was created yet. */
export function loadIdentity(database: Database, random: RandomSource): Identity | undefined {
  database.migrate(identitySchema);
  return readRow(database) && new StoredIdentity(database, random);
}

/** The state's lists without these devices, their keys revoked. @throws Failure nonexistent */
function without(
  { devices, revoked }: AccountState,
  ids: readonly number[],
): Pick<AccountState, "devices" | "revoked"> {
  const gone = ids.map((id) => {
    const device = devices.find(({ deviceId }) => deviceId === id);
    if (device === undefined) throw new Failure("nonexistent", `there is no device ${id}`);
    return device.identityKey;
  });
  return {
    devices: devices.filter(({ deviceId }) => !ids.includes(deviceId)),
    revoked: [...revoked, ...gone],
  };
}

interface Row {
  readonly master_public_key: Buffer;
  readonly master_seed: Buffer | null;
  readonly admin_seed: Buffer;
  readonly recovery_recipient: string;
  readonly device_id: number;
  readonly account_state: Buffer;
  readonly highest_device_id: number;
}

function readRow(database: Database): Row | undefined {
  return database.sqlite.prepare("SELECT * FROM identity").get() as Row | undefined;
}

class StoredIdentity implements Identity {
  readonly label: AddressLabel;
  readonly masterPublicKey: Buffer;
  readonly recoveryRecipient: string;
  readonly #database: Database;
  readonly #random: RandomSource;
  /** The state that the bytes in the database decode to, kept because checking two signatures is slow. */
  #decoded: SignedAccountState | undefined;
  /** A change was written: until its transaction is over, one way or the other, the database is asked each time. */
  #changing = true;

  constructor(database: Database, random: RandomSource) {
    this.#database = database;
    this.#random = random;
    const row = this.#row();
    this.masterPublicKey = row.master_public_key;
    this.label = addressLabel(row.master_public_key);
    this.recoveryRecipient = row.recovery_recipient;
  }

  get deviceId(): number {
    return this.#row().device_id;
  }

  address(localPart: string): string {
    return formatAddress(localPart, this.label);
  }

  accountState(): SignedAccountState {
    if (!this.#changing && this.#decoded !== undefined) return this.#decoded;
    this.#changing &&= this.#database.sqlite.inTransaction;
    const { account_state: bytes } = this.#row();
    if (this.#decoded?.bytes.equals(bytes)) return this.#decoded;
    const verification = decodeAccountState(bytes);
    if (verification.kind === "invalid") throw new Error(`the own account state: ${verification.why}`);
    this.#decoded = verification.signed;
    return verification.signed;
  }

  signWithAdmin(context: string, message: Uint8Array): Buffer {
    return this.#admin().sign(context, message);
  }

  changeAccountState(change: (state: AccountState) => AccountChange): SignedAccountState {
    return this.#database.transaction(() => {
      const { state, hash } = this.accountState();
      const next = { ...state, ...change(state), epoch: state.epoch + 1, prevHash: hash };
      return this.#store(signAccountState(next, this.#admin()));
    });
  }

  masterSeed(): Buffer | undefined {
    return this.#row().master_seed ?? undefined;
  }

  forgetMasterSeed(): void {
    const { sqlite } = this.#database;
    const before = Number(sqlite.pragma("secure_delete", { simple: true }));
    // What a page no longer uses is zeroed, now; older pages in the log go with the checkpoint.
    sqlite.pragma("secure_delete = ON");
    try {
      this.#database.transaction(() => sqlite.prepare("UPDATE identity SET master_seed = NULL").run());
    } finally {
      sqlite.pragma(`secure_delete = ${before}`);
    }
    this.#database.afterSync(() => sqlite.pragma("wal_checkpoint(TRUNCATE)"));
  }

  replaceDevice(device: AccountDevice): SignedAccountState {
    return this.#database.transaction(() => {
      this.#requireAdmin();
      const own = this.deviceId;
      const signed = this.changeAccountState((state) => {
        const listed = state.devices.some(({ deviceId }) => deviceId === own);
        const { devices, revoked } = without(state, listed ? [own] : []);
        return { devices: [...devices, device], revoked };
      });
      this.#database.sqlite.prepare("UPDATE identity SET device_id = ?").run(device.deviceId);
      return signed;
    });
  }

  get highestDeviceId(): number {
    const { devices } = this.accountState().state;
    return Math.max(this.#row().highest_device_id, this.deviceId, ...devices.map(({ deviceId }) => deviceId));
  }

  nextDeviceId(): number {
    const { devices } = this.accountState().state;
    const next = this.highestDeviceId + 1;
    if (next <= DEVICE_ID_MAX) return next;
    for (let id = 1; id <= DEVICE_ID_MAX; id++)
      if (id !== this.deviceId && !devices.some(({ deviceId }) => deviceId === id)) return id;
    throw new Failure("full", `an identity has ${DEVICE_ID_MAX} devices at most: revoke one that is no longer used`);
  }

  revokeDevice(deviceId: number): SignedAccountState {
    return this.#database.transaction(() => {
      this.#requireAdmin();
      return this.changeAccountState((state) => without(state, [deviceId]));
    });
  }

  adopt(bytes: Uint8Array, now: number): PinOutcome {
    return this.#database.transaction(() => {
      const verification = verifyAccountState(bytes, now);
      if (verification.kind === "invalid") return verification;
      const outcome = pin(this.accountState(), verification.signed);
      if (outcome.kind === "pinned") this.#store(verification.signed);
      return outcome;
    });
  }

  holdsAdminKey(): boolean {
    return this.#admin().publicKey.equals(this.accountState().state.certificate.adminPublicKey);
  }

  #requireAdmin(): void {
    if (!this.holdsAdminKey())
      throw new Failure(
        "forbidden",
        "another admin key holds by now: this installation cannot change the list of devices without the paper key",
      );
  }

  renewAdminKey(masterSeed: Uint8Array, now: number, revoke: readonly number[] = []): SignedAccountState {
    const master = signingKey(masterSeed);
    if (!master.publicKey.equals(this.masterPublicKey))
      throw new Failure("forbidden", "these words are another identity's paper key");
    const adminSeed = Buffer.from(this.#random(ED25519_KEY_LENGTH));
    return this.#database.transaction(() => {
      const { state, hash } = this.accountState();
      // A clock that was set back must not make the new certificate the older one.
      const issuedAt = Math.max(now, state.certificate.issuedAt + 1);
      const { publicKey } = signingKey(adminSeed);
      const certificate = issueCertificate(master, publicKey, issuedAt, issuedAt + CERTIFICATE_LIFETIME);
      this.#database.sqlite.prepare("UPDATE identity SET admin_seed = ?").run(adminSeed);
      const next = { ...state, ...without(state, revoke), certificate, epoch: state.epoch + 1, prevHash: hash };
      return this.#store(signAccountState(next, master));
    });
  }

  #store(signed: SignedAccountState): SignedAccountState {
    this.#changing = true;
    const highest = Math.max(0, ...signed.state.devices.map(({ deviceId }) => deviceId));
    this.#database.sqlite
      .prepare("UPDATE identity SET account_state = ?, highest_device_id = max(highest_device_id, ?)")
      .run(signed.bytes, highest);
    return signed;
  }

  #admin(): SigningKey {
    return signingKey(this.#row().admin_seed);
  }

  #row(): Row {
    const row = readRow(this.#database);
    if (row === undefined) throw new Error("the identity is gone from the database");
    return row;
  }
}
