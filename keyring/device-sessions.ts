import {
  CiphertextMessageType,
  ErrorCode,
  PreKeySignalMessage,
  ProtocolAddress,
  processPreKeyBundle,
  SignalMessage,
  signalDecrypt,
  signalDecryptPreKey,
  signalEncrypt,
} from "@signalapp/libsignal-client";
import type SQLite from "better-sqlite3-multiple-ciphers";
import { decodeBundle, plain } from "./device-bundle.ts";
import { CHAIN_LENGTH_MAX } from "./device-limits.ts";
import {
  type DeviceKeys,
  PinnedIdentityStore,
  StagedKyberPreKeyStore,
  StagedPreKeyStore,
  StagedSessionStore,
  StoreAccess,
  StoredSignedPreKeyStore,
  type TrustQuery,
} from "./device-staging.ts";
import { messageCounter } from "./message-counter.ts";

export interface Ciphertext {
  /** `first`: begins a session and is repeated as such until the other side has answered. */
  readonly type: "first" | "ratchet";
  readonly bytes: Buffer;
}

const PREKEY_MESSAGE: number = CiphertextMessageType.PreKey;

/** Why the ratchet did not take a step; nothing was staged by the call that threw it. */
export class SessionFailure extends Error {
  override name = "SessionFailure";
  readonly kind: "duplicate" | "untrusted" | "no-session" | "invalid";

  constructor(kind: SessionFailure["kind"], options?: ErrorOptions) {
    super(`the ratchet says: ${kind}`, options);
    this.kind = kind;
  }
}

/**
 * Steps of the ratchets, staged in memory: nothing is changed until `write` is called in the transaction that also
 * stores what the steps were for. A batch that is dropped leaves everything as it was. libsignal reads and writes
 * a session in two separate moments, so calls on one batch come one after another, and two batches with the same
 * contact exclude each other: that is the caller's duty (one mutex per contact).
 */
export class SessionBatch {
  readonly #access: StoreAccess;
  readonly #own: ProtocolAddress;
  readonly #sessions: StagedSessionStore;
  readonly #identities: PinnedIdentityStore;
  readonly #preKeys: StagedPreKeyStore;
  readonly #signedPreKeys: StoredSignedPreKeyStore;
  readonly #kyberPreKeys: StagedKyberPreKeyStore;

  constructor(sqlite: SQLite.Database, keys: DeviceKeys, own: string, trusted: TrustQuery) {
    this.#own = ProtocolAddress.new(own, keys.deviceId);
    this.#access = new StoreAccess(sqlite);
    this.#sessions = new StagedSessionStore(this.#access);
    this.#identities = new PinnedIdentityStore(this.#access, keys, trusted);
    this.#preKeys = new StagedPreKeyStore(this.#access);
    this.#signedPreKeys = new StoredSignedPreKeyStore(this.#access);
    this.#kyberPreKeys = new StagedKyberPreKeyStore(this.#access);
  }

  /** Begins a session by PQXDH with the device whose bundle it is; returns its id. @throws SessionFailure, DecodeError */
  async begin(label: string, bundle: Uint8Array, now: number): Promise<number> {
    const decoded = decodeBundle(bundle);
    const address = ProtocolAddress.new(label, decoded.deviceId());
    await this.#translated(
      processPreKeyBundle(decoded, address, this.#own, this.#sessions, this.#identities, new Date(now)),
    );
    return decoded.deviceId();
  }

  /** False where there is no session to encrypt for at that time: libsignal ends one that was never answered after 30 days. */
  async isUsable(label: string, deviceId: number, at: number): Promise<boolean> {
    const session = await this.#translated(this.#sessions.getSession(ProtocolAddress.new(label, deviceId)));
    return session?.hasCurrentState(new Date(at)) ?? false;
  }

  /** @throws SessionFailure no-session, untrusted */
  async encrypt(label: string, deviceId: number, plaintext: Uint8Array, now: number): Promise<Ciphertext> {
    const message = await this.#translated(
      signalEncrypt(
        plain(plaintext),
        ProtocolAddress.new(label, deviceId),
        this.#own,
        this.#sessions,
        this.#identities,
        new Date(now),
      ),
    );
    return {
      type: message.type() === PREKEY_MESSAGE ? "first" : "ratchet",
      bytes: Buffer.from(message.serialize()),
    };
  }

  /** A message too far along its chain is not looked at: its keys would cost more than honest ones ever do. @throws SessionFailure */
  async decrypt(label: string, deviceId: number, { type, bytes }: Ciphertext): Promise<Buffer> {
    const counter = await this.#translated((async () => messageCounter(type, bytes))());
    if (counter > CHAIN_LENGTH_MAX) throw new SessionFailure("invalid");
    const address = ProtocolAddress.new(label, deviceId);
    return this.#translated(
      (async () =>
        Buffer.from(
          type === "first"
            ? await signalDecryptPreKey(
                PreKeySignalMessage.deserialize(plain(bytes)),
                address,
                this.#own,
                this.#sessions,
                this.#identities,
                this.#preKeys,
                this.#signedPreKeys,
                this.#kyberPreKeys,
              )
            : await signalDecrypt(
                SignalMessage.deserialize(plain(bytes)),
                address,
                this.#own,
                this.#sessions,
                this.#identities,
              ),
        ))(),
    );
  }

  /** Writes all steps, in the caller's transaction. */
  write(): void {
    this.#sessions.write();
    this.#preKeys.write();
    this.#kyberPreKeys.write();
  }

  async #translated<T>(step: Promise<T>): Promise<T> {
    this.#access.takeFault();
    try {
      return await step;
    } catch (error) {
      const fault = this.#access.takeFault();
      if (fault !== undefined) throw fault;
      throw new SessionFailure(kindOf(error), { cause: error });
    }
  }
}

/** By its code: libsignal's class is another one where two module registries share the native code, as tests do. */
function kindOf(error: unknown): SessionFailure["kind"] {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === ErrorCode.DuplicatedMessage) return "duplicate";
  if (code === ErrorCode.UntrustedIdentity) return "untrusted";
  const sessionless = code === ErrorCode.InvalidSession || /session .*not found/i.test(String(message));
  return sessionless ? "no-session" : "invalid";
}
