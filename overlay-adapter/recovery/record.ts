import { type AddressLabel, formatAddress, parseAddress } from "../../foundation/address.ts";
import { ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import type { ContactOrigin, ContactState } from "../../keyring/contacts.ts";
import { DEVICE_ID_MAX, RELAYS_MAX } from "../../keyring/limits.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { checkedRelay, decodeQueueAddress, encodeQueueAddress, type QueueAddress } from "../queues/queue-address.ts";
import type { QueueContent } from "../queues/queues.ts";
import { RECORD_CONTACTS_MAX, RECORD_QUEUES_MAX } from "./limits.ts";

/** A queue that the contact writes into. */
export interface RecordedQueue extends QueueContent {
  /** Without its token. */
  readonly relay: RelayAddress;
}

export interface RecordedContact {
  readonly label: AddressLabel;
  readonly petname: string;
  readonly state: ContactState;
  readonly how: ContactOrigin;
  /** What it was before the user froze it. */
  readonly before: ContactState | undefined;
  /** The pinned one; undefined where there was no room for it. */
  readonly accountState: Buffer | undefined;
  readonly phrase: string | undefined;
  /** Where it is written to. */
  readonly address: QueueAddress | undefined;
  /** The highest order of a queue's address that was told, and that was heard. */
  readonly told: number;
  readonly heard: number;
  readonly queues: readonly RecordedQueue[];
}

/** All that a new device needs to find the contacts again. */
export interface RecoveryRecord {
  readonly accountState: Buffer;
  readonly highestDeviceId: number;
  /** The own ones, with their tokens, the preferred one first. */
  readonly relays: readonly RelayAddress[];
  readonly contacts: readonly RecordedContact[];
}

const VERSION = 1;
const STATES: readonly ContactState[] = ["pending", "invited", "introduced", "verified", "frozen", "revoked"];
const ORIGINS: readonly ContactOrigin[] = ["invite", "spoken-code", "introduction"];

/**
 *     record  = %x01 vector16 device-id count8 *relay count32 *contact
 *     contact = label petname state how before vector16 phrase vector16 told heard count8 *queue
 *     relay   = host port pin token                 ; host as text16; token after its length in 1 octet, 0 or 32
 *     queue   = host port pin recipient-id recipient-seed sender-id sender-key queue-key
 *
 * The vectors are account states and a queue address, empty where there is none; label, petname and phrase text16; state,
 * how and before 1 octet each, before %xff for none; told and heard 8.
 */
export function encodeRecord({ accountState, highestDeviceId, relays, contacts }: RecoveryRecord): Buffer {
  const writer = new ByteWriter().u8(VERSION).vector16(accountState).u8(highestDeviceId).u8(relays.length);
  for (const relay of relays) {
    const token = relay.token ?? Buffer.alloc(0);
    writeRelay(writer, relay).u8(token.length).raw(token);
  }
  writer.u32(contacts.length);
  for (const contact of contacts) {
    const { address, queues, before } = contact;
    writer
      .text16(contact.label)
      .text16(contact.petname)
      .u8(STATES.indexOf(contact.state))
      .u8(ORIGINS.indexOf(contact.how))
      .u8(before === undefined ? 0xff : STATES.indexOf(before))
      .vector16(contact.accountState ?? Buffer.alloc(0))
      .text16(contact.phrase ?? "")
      .vector16(address === undefined ? Buffer.alloc(0) : encodeQueueAddress(address))
      .u64(contact.told)
      .u64(contact.heard)
      .u8(queues.length);
    for (const { relay, recipientId, recipientSeed, senderId, senderKey, queueKey } of queues)
      writeRelay(writer, relay).raw(recipientId).raw(recipientSeed).raw(senderId).raw(senderKey).raw(queueKey);
  }
  return writer.bytes();
}

/** @throws DecodeError */
export function decodeRecord(bytes: Uint8Array): RecoveryRecord {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION) throw new DecodeError("recovery record of an unknown version");
  const accountState = Buffer.from(reader.vector16());
  const highestDeviceId = reader.u8();
  if (highestDeviceId > DEVICE_ID_MAX) throw new DecodeError("device id out of bounds");
  const relays = list(reader.u8(), RELAYS_MAX + 1, () => {
    const relay = readRelay(reader);
    const token = Buffer.from(reader.raw(reader.u8()));
    if (token.length !== 0 && token.length !== 32) throw new DecodeError("a token of the wrong length");
    return token.length === 0 ? relay : { ...relay, token };
  });
  const contacts = list(reader.u32(), RECORD_CONTACTS_MAX, () => readContact(reader));
  reader.end();
  return { accountState, highestDeviceId, relays, contacts };
}

function readContact(reader: ByteReader): RecordedContact {
  const named = parseAddress(formatAddress("x", reader.text16() as AddressLabel));
  if (named?.kind !== "identity") throw new DecodeError("not a label");
  const { label } = named;
  const petname = reader.text16();
  const state = oneOf(STATES, reader.u8());
  const how = oneOf(ORIGINS, reader.u8());
  const before = reader.u8();
  const accountState = Buffer.from(reader.vector16());
  const phrase = reader.text16();
  const address = reader.vector16();
  return {
    label,
    petname,
    state,
    how,
    before: before === 0xff ? undefined : oneOf(STATES, before),
    accountState: accountState.length === 0 ? undefined : accountState,
    phrase: phrase === "" ? undefined : phrase,
    address: address.length === 0 ? undefined : decodeQueueAddress(address),
    told: reader.u64(),
    heard: reader.u64(),
    queues: list(reader.u8(), RECORD_QUEUES_MAX, () => ({
      relay: readRelay(reader),
      recipientId: Buffer.from(reader.raw(24)),
      recipientSeed: Buffer.from(reader.raw(32)),
      senderId: Buffer.from(reader.raw(24)),
      senderKey: Buffer.from(reader.raw(32)),
      queueKey: Buffer.from(reader.raw(32)),
    })),
  };
}

function writeRelay(writer: ByteWriter, { host, port, pin }: RelayAddress): ByteWriter {
  return writer.text16(host).u16(port).raw(pin);
}

function readRelay(reader: ByteReader): RelayAddress {
  return checkedRelay(reader.text16(), reader.u16(), Buffer.from(reader.raw(32)));
}

function list<T>(count: number, most: number, item: () => T): T[] {
  if (count > most) throw new DecodeError("more than a recovery record holds");
  const items: T[] = [];
  while (items.length < count) items.push(item());
  return items;
}

function oneOf<T>(values: readonly T[], at: number): T {
  const value = values[at];
  if (value === undefined) throw new DecodeError("an unknown state or origin");
  return value;
}
