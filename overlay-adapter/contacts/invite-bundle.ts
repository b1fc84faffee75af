import { ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { deriveKey, open, seal } from "../../foundation/seal.ts";
import { openCell, sealCell } from "../queues/cell-seal.ts";
import { decodeQueueAddress, encodeQueueAddress, type QueueAddress } from "../queues/queue-address.ts";

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
  /** The host is bound to its part of the safety phrase by this; see safety-phrase.ts. */
  readonly commitment: Buffer;
  /** The host decides when it has the hello: letters wait for the welcome. */
  readonly asks: boolean;
}

/** `bundle = %x02 asks commitment vector16 vector16 vector16`: 0 or 1, 32 octets, account state, prekeys, queue address. */
export function encodeInviteBundle(bundle: InviteBundle): Buffer {
  return new ByteWriter()
    .u8(2)
    .u8(bundle.asks ? 1 : 0)
    .raw(bundle.commitment)
    .vector16(bundle.accountState)
    .vector16(bundle.preKeys)
    .vector16(encodeQueueAddress(bundle.queue))
    .bytes();
}

/** What follows is left for later versions, and for padding. @throws DecodeError */
export function decodeInviteBundle(bytes: Uint8Array): InviteBundle {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== 2) throw new DecodeError("bundle of an unknown version");
  const asks = reader.u8() === 1;
  const commitment = Buffer.from(reader.raw(32));
  return {
    asks,
    commitment,
    accountState: reader.vector16(),
    preKeys: reader.vector16(),
    queue: decodeQueueAddress(reader.vector16()),
  };
}

/** The encoded bundle as one cell. */
export function sealInviteBundle(bundle: Uint8Array, keys: InviteKeys, nonce: Uint8Array): Buffer {
  return sealCell(keys.bundleKey, "postern invite 1 bundle", bundle, nonce);
}

/** @throws DecodeError */
export function openInviteBundle(cell: Uint8Array, keys: InviteKeys): InviteBundle {
  const inner = openCell(keys.bundleKey, "postern invite 1 bundle", cell);
  if (inner === undefined) throw new DecodeError("the invite's bundle does not open");
  return decodeInviteBundle(inner);
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
