import { createHash } from "node:crypto";
import { ByteReader, DecodeError } from "../foundation/bytes.ts";
import { checkAccountState, decodeAccountStateBody, encodeAccountStateBody } from "./account-state-codec.ts";
import { type AdminCertificate, issuedBy } from "./admin-certificate.ts";
import { SIGNATURE_LENGTH, type SigningKey, verifySignature } from "./ed25519.ts";
import { ACCOUNT_STATE_MAX, CERTIFICATE_GRACE, CLOCK_SKEW } from "./limits.ts";

const CONTEXT = "postern account state v1";

export interface AccountDevice {
  /** 1..127 */
  readonly deviceId: number;
  /** 1..16383 */
  readonly registrationId: number;
  /** libsignal's serialized public key, 33 bytes. */
  readonly identityKey: Buffer;
}

/** An identity's devices, revocations and relays at one time. */
export interface AccountState {
  readonly masterPublicKey: Buffer;
  /** From 1, one more with every change. */
  readonly epoch: number;
  /** The hash of the state before this one; zeros for the first. */
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
  /** Who signed: K, or M itself. */
  readonly signer: "admin" | "master";
  /** As it travels. */
  readonly bytes: Buffer;
  /** SHA-256 of the bytes without the signature: the prevHash of the next state. */
  readonly hash: Buffer;
}

export type Verification =
  | { readonly kind: "valid"; readonly signed: SignedAccountState }
  | { readonly kind: "invalid"; readonly why: string };

/** Brings devices and revocations into order, checks, encodes and signs. @throws RangeError where a bound is passed or the signer is neither K nor M */
export function signAccountState(state: AccountState, key: SigningKey): SignedAccountState {
  const signer = key.publicKey.equals(state.masterPublicKey) ? "master" : "admin";
  if (signer === "admin" && !key.publicKey.equals(state.certificate.adminPublicKey))
    throw new RangeError("neither the certified admin key nor the master key");
  const sorted: AccountState = {
    ...state,
    devices: [...state.devices].sort((a, b) => a.deviceId - b.deviceId),
    revoked: [...state.revoked].sort((a, b) => a.compare(b)),
  };
  const wrong = checkAccountState(sorted);
  if (wrong !== undefined) throw new RangeError(wrong);
  const body = encodeAccountStateBody(sorted, signer);
  return { state: sorted, signer, bytes: Buffer.concat([body, key.sign(CONTEXT, body)]), hash: hashOf(body) };
}

/** Decodes and checks both signatures, whatever the time: for states that were pinned before. */
export function decodeAccountState(bytes: Uint8Array): Verification {
  if (bytes.length > ACCOUNT_STATE_MAX || bytes.length < SIGNATURE_LENGTH) return invalid("the size is impossible");
  const copy = Buffer.from(bytes);
  const body = copy.subarray(0, -SIGNATURE_LENGTH);
  try {
    const { state, signer } = decodeAccountStateBody(new ByteReader(body));
    const wrong = checkAccountState(state);
    if (wrong !== undefined) return invalid(wrong);
    if (!issuedBy(state.masterPublicKey, state.certificate))
      return invalid("the admin certificate is not the master key's");
    const key = signer === "master" ? state.masterPublicKey : state.certificate.adminPublicKey;
    if (!verifySignature(key, CONTEXT, body, copy.subarray(-SIGNATURE_LENGTH)))
      return invalid("the signature is wrong");
    return { kind: "valid", signed: { state, signer, bytes: copy, hash: hashOf(body) } };
  } catch (error) {
    if (error instanceof DecodeError) return invalid(error.message);
    throw error;
  }
}

/**
 * For states that come from outside: as decodeAccountState, and the certificate must be of this time. Clocks differ
 * and owners are late, so it may come from two days ahead, and K may sign for a month after its end.
 */
export function verifyAccountState(bytes: Uint8Array, now: number): Verification {
  const verification = decodeAccountState(bytes);
  if (verification.kind === "invalid") return verification;
  const { state, signer } = verification.signed;
  if (state.certificate.issuedAt > now + CLOCK_SKEW)
    return invalid("the admin certificate comes from the future: one of the two clocks is wrong");
  if (signer === "admin" && state.certificate.expiresAt + CERTIFICATE_GRACE < now)
    return invalid("the admin certificate ended more than a month ago: its owner must renew it from the paper key");
  return verification;
}

function hashOf(body: Uint8Array): Buffer {
  return createHash("sha256").update(body).digest();
}

function invalid(why: string): Verification {
  return { kind: "invalid", why };
}
