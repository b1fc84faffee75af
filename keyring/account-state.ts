import type { SigningKey } from "./ed25519.ts";

export interface AccountDevice {
  /** 1..127 */
  readonly deviceId: number;
  /** 1..16383 */
  readonly registrationId: number;
  /** libsignal's serialized public key, 33 bytes. */
  readonly identityKey: Buffer;
}

/** M's word that K may sign account states. */
export interface AdminCertificate {
  readonly adminPublicKey: Buffer;
  /** Milliseconds since 1970. Of two certificates the later issued one wins. */
  readonly issuedAt: number;
  /** Milliseconds since 1970; a year after issuedAt at most. */
  readonly expiresAt: number;
  /** By M. */
  readonly signature: Buffer;
}

export interface AccountState {
  readonly masterPublicKey: Buffer;
  /** Counts up with every change under one certificate and beyond. */
  readonly epoch: number;
  /** SHA-256 of the state before this one, as encoded; zeros for the first. */
  readonly prevHash: Buffer;
  readonly certificate: AdminCertificate;
  /** Ascending in deviceId. */
  readonly devices: readonly AccountDevice[];
  /** Identity keys that are never to be trusted again, ascending as bytes. */
  readonly revoked: readonly Buffer[];
  /** URLs, the preferred one first. */
  readonly relays: readonly string[];
}

/** A state whose signatures hold. */
export interface SignedAccountState {
  readonly state: AccountState;
  readonly signer: "admin" | "master";
  /** As it travels. */
  readonly bytes: Buffer;
  /** SHA-256 of the bytes: the prevHash of the next state. */
  readonly hash: Buffer;
}

export type Verification =
  | { readonly kind: "valid"; readonly signed: SignedAccountState }
  | { readonly kind: "invalid"; readonly why: string };

/** Issues K's certificate; milliseconds. */
export function issueCertificate(
  _master: SigningKey,
  _adminPublicKey: Uint8Array,
  _issuedAt: number,
  _expiresAt: number,
): AdminCertificate {
  throw new Error("not written");
}

/** Sorts, checks, encodes and signs. The signer is K of the certificate, or M. @throws RangeError where a bound is passed */
export function signAccountState(_state: AccountState, _signer: SigningKey): SignedAccountState {
  throw new Error("not written");
}

/** Decodes and checks both signatures, whatever the time. For states that were pinned before. */
export function decodeAccountState(_bytes: Uint8Array): Verification {
  throw new Error("not written");
}

/** For states that come from outside: as decodeAccountState, and the certificate's time must be near enough to now. */
export function verifyAccountState(_bytes: Uint8Array, _now: number): Verification {
  throw new Error("not written");
}
