import type { AddressLabel } from "../../foundation/address.ts";
import { ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { SIGNATURE_LENGTH } from "../../keyring/ed25519.ts";
import { MARK_LENGTH } from "../letters/letter-header.ts";
import { INNER_SIZE, RENEWAL_TAGS_MAX } from "../limits.ts";
import { TAG_LENGTH } from "../queues/cell.ts";
import { decodeQueueAddress, encodeQueueAddress, type QueueAddress } from "../queues/queue-address.ts";

/** The last letter that was received from a device, as that device numbered and marked it. */
export interface Received {
  readonly deviceId: number;
  /** The device of the recipient's that it came to. */
  readonly as: number;
  /** 0 where none was received. */
  readonly seq: number;
  /** SHA-256 of its header. */
  readonly hash: Buffer;
  readonly mark: Buffer;
}

/** What a device's mark in a letter's header is over: `label %x00 device-id seq`, of the recipient. */
export function markedBytes(label: AddressLabel, deviceId: number, seq: number): Buffer {
  return new ByteWriter().raw(Buffer.from(label)).u8(0).u8(deviceId).u64(seq).bytes();
}

/** Where to write from now on, as its owner's admin key says it to one recipient. */
export interface SignedQueue {
  readonly address: QueueAddress;
  /** As in a control letter that names a queue (control.ts). */
  readonly order: number;
  readonly signature: Buffer;
}

/** What the admin key signs in it: `label %x00 order queue-address`, of the recipient. */
export const RENEWAL_QUEUE_CONTEXT = "postern renewal queue v1";

export function signedQueueBytes(recipient: AddressLabel, { address, order }: Omit<SignedQueue, "signature">): Buffer {
  return new ByteWriter().raw(Buffer.from(recipient)).u8(0).u64(order).raw(encodeQueueAddress(address)).bytes();
}

/**
 * What one bridge tells a contact's outside of any session, in a cell of its own: who it is by now, how a session with it
 * is begun, and what it had of the contact. Everything in it is proved by itself: states and prekeys are signed, and
 * the mark is the recipient's own. Only the two have the key that seals the cell.
 *
 *     renewal = %x01 flags vector16 vector16 vector16 device-id as-device-id seq hash mark count *tag [ vector16 order signature ]
 *
 * flags 1 octet: bit 0, begin a session with these prekeys, for there is none that works; bit 1, answer with a renewal.
 * Then the sender's account state, its device's prekeys, and the recipient's account state as the sender has pinned it
 * (empty where it does not fit). device-id 1 octet names a device of the recipient's; seq 8, hash 32 and mark 16 are of
 * the last letter received from it, by the sender's device as-device-id; count 2; a tag, 16, is that of a letter of this
 * device that did not open. At the end, where the sender's queues were made anew because somebody else may have had them:
 * the address of the one to write into, as in a control letter, its order, 8, and the admin key's signature, 64, over both
 * and the recipient's label. Whoever does not know this end leaves it.
 */
export interface Renewal {
  readonly begin: boolean;
  readonly answer: boolean;
  readonly accountState: Buffer;
  readonly preKeys: Buffer;
  readonly pinned: Buffer | undefined;
  readonly received: Received;
  readonly unopened: readonly Buffer[];
  readonly queue: SignedQueue | undefined;
}

const VERSION = 1;
const FLAG = { begin: 1, answer: 2 } as const;
/** Octets of a renewal cell around the renewal: version, kind, tag, length. */
const AROUND = 2 + TAG_LENGTH + 2;

/** Leaves out the oldest tags, then the pinned state, where the cell would be too small. */
export function encodeRenewal(renewal: Renewal): Buffer {
  const { begin, answer, accountState, preKeys, received } = renewal;
  const room = INNER_SIZE - AROUND;
  const encode = (pinned: Buffer | undefined, unopened: readonly Buffer[]): Buffer => {
    const writer = new ByteWriter()
      .u8(VERSION)
      .u8((begin ? FLAG.begin : 0) | (answer ? FLAG.answer : 0))
      .vector16(accountState)
      .vector16(preKeys)
      .vector16(pinned ?? Buffer.alloc(0))
      .u8(received.deviceId)
      .u8(received.as)
      .u64(received.seq)
      .raw(received.hash)
      .raw(received.mark)
      .u16(unopened.length);
    for (const tag of unopened) writer.raw(tag);
    if (renewal.queue !== undefined)
      writer.vector16(encodeQueueAddress(renewal.queue.address)).u64(renewal.queue.order).raw(renewal.queue.signature);
    return writer.bytes();
  };
  let { pinned } = renewal;
  let bare = encode(pinned, []);
  if (bare.length > room) bare = encode((pinned = undefined), []);
  const fit = Math.min(RENEWAL_TAGS_MAX, Math.floor((room - bare.length) / TAG_LENGTH));
  const encoded = encode(pinned, fit > 0 ? renewal.unopened.slice(-fit) : []);
  if (encoded.length > room) throw new RangeError("a renewal larger than a cell");
  return encoded;
}

/** @throws DecodeError */
export function decodeRenewal(bytes: Uint8Array): Renewal {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION) throw new DecodeError("renewal of an unknown version");
  const flags = reader.u8();
  const accountState = Buffer.from(reader.vector16());
  const preKeys = Buffer.from(reader.vector16());
  const pinned = Buffer.from(reader.vector16());
  const received = {
    deviceId: reader.u8(),
    as: reader.u8(),
    seq: reader.u64(),
    hash: Buffer.from(reader.raw(32)),
    mark: Buffer.from(reader.raw(MARK_LENGTH)),
  };
  const count = reader.u16();
  if (count > RENEWAL_TAGS_MAX) throw new DecodeError("more tags than a renewal names");
  const unopened = Array.from({ length: count }, () => Buffer.from(reader.raw(TAG_LENGTH)));
  const queue = reader.remaining === 0 ? undefined : decodeSignedQueue(reader);
  return {
    begin: (flags & FLAG.begin) !== 0,
    answer: (flags & FLAG.answer) !== 0,
    accountState,
    preKeys,
    pinned: pinned.length === 0 ? undefined : pinned,
    received,
    unopened,
    queue,
  };
}

function decodeSignedQueue(reader: ByteReader): SignedQueue {
  const address = decodeQueueAddress(reader.vector16());
  return { address, order: reader.u64(), signature: Buffer.from(reader.raw(SIGNATURE_LENGTH)) };
}
