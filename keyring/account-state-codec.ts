import { type ByteReader, ByteWriter, DecodeError } from "../foundation/bytes.ts";
import type { AccountDevice, AccountState } from "./account-state.ts";
import type { AdminCertificate } from "./admin-certificate.ts";
import { ED25519_KEY_LENGTH, SIGNATURE_LENGTH } from "./ed25519.ts";
import {
  CERTIFICATE_LIFETIME_MAX,
  DEVICE_ID_MAX,
  IDENTITY_KEY_LENGTH,
  REGISTRATION_ID_MAX,
  RELAY_URL_MAX,
  RELAYS_MAX,
  REVOKED_MAX,
} from "./limits.ts";

const VERSION = 1;
/** libsignal's type byte of a Curve25519 public key. */
const DJB_TYPE = 0x05;
const HASH_LENGTH = 32;

/** What K or M signs: all but the signature. The state must have passed checkAccountState. */
export function encodeAccountStateBody(state: AccountState, signer: "admin" | "master"): Buffer {
  const { certificate, devices, revoked, relays } = state;
  const writer = new ByteWriter().u8(VERSION).raw(state.masterPublicKey).u64(state.epoch).raw(state.prevHash);
  writer
    .raw(certificate.adminPublicKey)
    .u64(certificate.issuedAt)
    .u64(certificate.expiresAt)
    .raw(certificate.signature);
  writer.u8(devices.length);
  for (const device of devices) writer.u8(device.deviceId).u16(device.registrationId).raw(device.identityKey);
  writer.u8(revoked.length);
  for (const key of revoked) writer.raw(key);
  writer.u8(relays.length);
  for (const relay of relays) writer.u8(relay.length).raw(Buffer.from(relay, "latin1"));
  return writer.u8(signer === "master" ? 1 : 0).bytes();
}

/** The reverse; the values must still pass checkAccountState, which makes the encoding canonical. @throws DecodeError */
export function decodeAccountStateBody(reader: ByteReader): { state: AccountState; signer: "admin" | "master" } {
  if (reader.u8() !== VERSION) throw new DecodeError("an account state of another version: a newer program is needed");
  const masterPublicKey = reader.raw(ED25519_KEY_LENGTH);
  const epoch = reader.u64();
  const prevHash = reader.raw(HASH_LENGTH);
  const certificate: AdminCertificate = {
    adminPublicKey: reader.raw(ED25519_KEY_LENGTH),
    issuedAt: reader.u64(),
    expiresAt: reader.u64(),
    signature: reader.raw(SIGNATURE_LENGTH),
  };
  const devices = list(reader, () => ({
    deviceId: reader.u8(),
    registrationId: reader.u16(),
    identityKey: reader.raw(IDENTITY_KEY_LENGTH),
  }));
  const revoked = list(reader, () => reader.raw(IDENTITY_KEY_LENGTH));
  const relays = list(reader, () => reader.raw(reader.u8()).toString("latin1"));
  const signer = reader.u8();
  if (signer > 1) throw new DecodeError("an unknown signer");
  reader.end();
  const state = { masterPublicKey, epoch, prevHash, certificate, devices, revoked, relays };
  return { state, signer: signer === 1 ? "master" : "admin" };
}

/** What is wrong with the values, for a log; undefined if nothing is. */
export function checkAccountState(state: AccountState): string | undefined {
  const { certificate, devices, revoked, relays } = state;
  if (state.masterPublicKey.length !== ED25519_KEY_LENGTH || certificate.adminPublicKey.length !== ED25519_KEY_LENGTH)
    return "a key of the wrong length";
  if (state.masterPublicKey.equals(certificate.adminPublicKey)) return "the master key is its own admin key";
  if (!Number.isSafeInteger(state.epoch) || state.epoch < 1) return "the epoch is impossible";
  if (state.prevHash.length !== HASH_LENGTH) return "a hash of the wrong length";
  const lifetime = certificate.expiresAt - certificate.issuedAt;
  if (!(lifetime > 0 && lifetime <= CERTIFICATE_LIFETIME_MAX)) return "an admin certificate lasts a year at most";
  return checkDevices(devices, revoked) ?? checkRelays(relays);
}

function checkDevices(devices: readonly AccountDevice[], revoked: readonly Buffer[]): string | undefined {
  for (const [index, { deviceId, registrationId }] of devices.entries()) {
    if (!between(deviceId, 1, DEVICE_ID_MAX)) return "a device id out of bounds";
    if (deviceId <= (devices[index - 1]?.deviceId ?? 0)) return "devices out of order";
    if (!between(registrationId, 1, REGISTRATION_ID_MAX)) return "a registration id out of bounds";
  }
  if (revoked.length > REVOKED_MAX) return "too many revocations";
  for (const [index, key] of revoked.entries())
    if (key.compare(revoked[index - 1] ?? Buffer.alloc(0)) <= 0) return "revocations out of order";
  const keys = [...devices.map((device) => device.identityKey), ...revoked];
  if (keys.some((key) => key.length !== IDENTITY_KEY_LENGTH || key[0] !== DJB_TYPE)) return "not an identity key";
  if (new Set(keys.map((key) => key.toString("latin1"))).size !== keys.length) return "one identity key twice";
  return undefined;
}

function checkRelays(relays: readonly string[]): string | undefined {
  if (relays.length > RELAYS_MAX || new Set(relays).size !== relays.length) return "too many relays, or one twice";
  const fits = (relay: string): boolean => relay.length <= RELAY_URL_MAX && /^[\x21-\x7e]+$/.test(relay);
  return relays.every(fits) ? undefined : "not a relay's URL";
}

function between(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function list<T>(reader: ByteReader, item: () => T): T[] {
  return Array.from({ length: reader.u8() }, item);
}
