import { KEMPublicKey, PreKeyBundle, PublicKey } from "@signalapp/libsignal-client";
import { ByteReader, ByteWriter, DecodeError } from "../foundation/bytes.ts";
import { DEVICE_ID_MAX, IDENTITY_KEY_LENGTH, REGISTRATION_ID_MAX } from "./limits.ts";

const VERSION = 1;
/** XEdDSA signatures, as libsignal makes them. */
const SIGNATURE_LENGTH = 64;
/** One type byte and an ML-KEM-1024 (Kyber) public key. */
const KEM_KEY_LENGTH = 1569;

/** libsignal takes bytes that own an ArrayBuffer; ours do, whatever their static type says. */
export function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

/**
 * What somebody needs to begin a session with this device (PQXDH):
 *
 *     bundle = %x01 device-id registration-id identity-key
 *              signed-id signed-key signature
 *              kyber-id kyber-key signature
 *              ( %x00 / %x01 prekey-id prekey )
 *
 * device-id 1 byte; registration-id 2; key ids 4; Curve25519 keys 33 (type byte first); the Kyber key 1,569 (type byte
 * first); signatures 64, by the identity key.
 */
export function encodeBundle(bundle: PreKeyBundle): Buffer {
  const writer = new ByteWriter()
    .u8(VERSION)
    .u8(bundle.deviceId())
    .u16(bundle.registrationId())
    .raw(bundle.identityKey().serialize())
    .u32(bundle.signedPreKeyId())
    .raw(bundle.signedPreKeyPublic().serialize())
    .raw(bundle.signedPreKeySignature())
    .u32(bundle.kyberPreKeyId())
    .raw(bundle.kyberPreKeyPublic().serialize())
    .raw(bundle.kyberPreKeySignature());
  const id = bundle.preKeyId();
  const key = bundle.preKeyPublic();
  if (id === null || key === null) return writer.u8(0).bytes();
  return writer.u8(1).u32(id).raw(key.serialize()).bytes();
}

/** The signatures are checked when the session is begun, not here. @throws DecodeError */
export function decodeBundle(bytes: Uint8Array): PreKeyBundle {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION) throw new DecodeError("prekey bundle of an unknown version");
  const deviceId = reader.u8();
  if (deviceId < 1 || deviceId > DEVICE_ID_MAX) throw new DecodeError("device id out of bounds");
  const registrationId = reader.u16();
  if (registrationId < 1 || registrationId > REGISTRATION_ID_MAX)
    throw new DecodeError("registration id out of bounds");
  const identityKey = reader.raw(IDENTITY_KEY_LENGTH);
  const signedId = reader.u32();
  const signedKey = reader.raw(IDENTITY_KEY_LENGTH);
  const signedSignature = reader.raw(SIGNATURE_LENGTH);
  const kyberId = reader.u32();
  const kyberKey = reader.raw(KEM_KEY_LENGTH);
  const kyberSignature = reader.raw(SIGNATURE_LENGTH);
  const hasPreKey = reader.u8();
  if (hasPreKey > 1) throw new DecodeError("prekey bundle says neither yes nor no to a prekey");
  const preKeyId = hasPreKey === 1 ? reader.u32() : null;
  const preKey = hasPreKey === 1 ? reader.raw(IDENTITY_KEY_LENGTH) : null;
  reader.end();
  try {
    return PreKeyBundle.new(
      registrationId,
      deviceId,
      preKeyId,
      preKey === null ? null : PublicKey.deserialize(plain(preKey)),
      signedId,
      PublicKey.deserialize(plain(signedKey)),
      plain(signedSignature),
      PublicKey.deserialize(plain(identityKey)),
      kyberId,
      KEMPublicKey.deserialize(plain(kyberKey)),
      plain(kyberSignature),
    );
  } catch (error) {
    throw new DecodeError("prekey bundle holds a key that is none", { cause: error });
  }
}

/** Whose prekeys they are. @throws DecodeError */
export function bundleDevice(bytes: Uint8Array): { readonly deviceId: number; readonly identityKey: Buffer } {
  const bundle = decodeBundle(bytes);
  return { deviceId: bundle.deviceId(), identityKey: Buffer.from(bundle.identityKey().serialize()) };
}
