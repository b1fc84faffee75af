import { ByteReader, ByteWriter, DecodeError } from "../foundation/bytes.ts";
import { deriveKey, open, seal } from "../foundation/seal.ts";
import { openCell, sealCell } from "./cell-seal.ts";
import { decodeQueueAddress, encodeQueueAddress, type QueueAddress } from "./queue-address.ts";

/** The keys of an invite, all from the secret in its link (HKDF-SHA-256). */
export interface InviteKeys {
  /** 24 bytes: names the slot at the relay. */
  readonly slotId: Buffer;
  /** Seals the inviter's bundle in the slot. */
  readonly bundleKey: Buffer;
  /** Seals the hello of the one who takes the invite. */
  readonly replyKey: Buffer;
}

export function inviteKeys(secret: Uint8Array): InviteKeys {
  return {
    slotId: deriveKey(secret, "postern invite 1 slot", 24),
    bundleKey: deriveKey(secret, "postern invite 1 bundle"),
    replyKey: deriveKey(secret, "postern invite 1 reply"),
  };
}

/** What the inviter leaves in the slot. */
export interface InviteBundle {
  readonly accountState: Buffer;
  /** Of the inviter's device; see keyring/device-bundle.ts. */
  readonly preKeys: Buffer;
  /** Where the one who takes the invite sends the hello, and letters after it. */
  readonly queue: QueueAddress;
}

/** `bundle = %x01 vector16 vector16 vector16`: account state, prekeys, queue address; sealed as one cell. */
export function sealInviteBundle(bundle: InviteBundle, keys: InviteKeys, nonce: Uint8Array): Buffer {
  const inner = new ByteWriter()
    .u8(1)
    .vector16(bundle.accountState)
    .vector16(bundle.preKeys)
    .vector16(encodeQueueAddress(bundle.queue))
    .bytes();
  return sealCell(keys.bundleKey, "postern invite 1 bundle", inner, nonce);
}

/** @throws DecodeError */
export function openInviteBundle(cell: Uint8Array, keys: InviteKeys): InviteBundle {
  const inner = openCell(keys.bundleKey, "postern invite 1 bundle", cell);
  if (inner === undefined) throw new DecodeError("the invite's bundle does not open");
  const reader = new ByteReader(inner);
  if (reader.u8() !== 1) throw new DecodeError("bundle of an unknown version");
  return { accountState: reader.vector16(), preKeys: reader.vector16(), queue: decodeQueueAddress(reader.vector16()) };
}

/** Who takes the invite. The ratchet message holds the address of the queue for the answers. */
export interface Hello {
  readonly accountState: Buffer;
  readonly deviceId: number;
  readonly firstMessage: Buffer;
}

const HELLO_CONTEXT = Buffer.from("postern invite 1 hello");

/** `hello = %x01 vector16 device-id vector16`: account state, device, first ratchet message; the sealed bytes go into a hello cell. */
export function sealHello(hello: Hello, keys: InviteKeys, nonce: Uint8Array): Buffer {
  const plaintext = new ByteWriter()
    .u8(1)
    .vector16(hello.accountState)
    .u8(hello.deviceId)
    .vector16(hello.firstMessage)
    .bytes();
  return seal(keys.replyKey, nonce, plaintext, HELLO_CONTEXT);
}

/** @throws DecodeError */
export function openHello(sealed: Uint8Array, nonce: Uint8Array, keys: InviteKeys): Hello {
  const plaintext = open(keys.replyKey, nonce, sealed, HELLO_CONTEXT);
  if (plaintext === undefined) throw new DecodeError("the hello does not open");
  const reader = new ByteReader(plaintext);
  if (reader.u8() !== 1) throw new DecodeError("hello of an unknown version");
  const hello = { accountState: reader.vector16(), deviceId: reader.u8(), firstMessage: reader.vector16() };
  reader.end();
  return hello;
}
