import { ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import { formatRelayUrl, parseRelayUrl, type RelayAddress } from "../../relay/relay-url.ts";
import type { QueueSender } from "../relay-client/relay-client.ts";

/** All that sending into a queue takes. It travels inside an invite's sealed bundle, a hello, or a letter. A secret. */
export interface QueueAddress extends QueueSender {
  /** Without a token. */
  readonly relay: RelayAddress;
  /** Seals the queue's cells: 32 bytes that the relay never sees. */
  readonly queueKey: Buffer;
}

const VERSION = 1;

/**
 *     queue-address = %x01 host port pin sender-id sender-key queue-key
 *
 * host as UTF-8 after its length in 2 octets; port 2; pin and keys 32; sender-id 24.
 */
export function encodeQueueAddress(address: QueueAddress): Buffer {
  return new ByteWriter()
    .u8(VERSION)
    .text16(address.relay.host)
    .u16(address.relay.port)
    .raw(address.relay.pin)
    .raw(address.senderId)
    .raw(address.senderKey)
    .raw(address.queueKey)
    .bytes();
}

/** @throws DecodeError */
export function decodeQueueAddress(bytes: Uint8Array): QueueAddress {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION) throw new DecodeError("queue address of an unknown version");
  const host = reader.text16();
  const port = reader.u16();
  const relay = checkedRelay(host, port, Buffer.from(reader.raw(32)));
  const address = {
    relay,
    senderId: Buffer.from(reader.raw(24)),
    senderKey: Buffer.from(reader.raw(32)),
    queueKey: Buffer.from(reader.raw(32)),
  };
  reader.end();
  return address;
}

/** A relay address from outside, held to the rules of relay-url.ts. @throws DecodeError */
export function checkedRelay(host: string, port: number, pin: Buffer): RelayAddress {
  try {
    return parseRelayUrl(formatRelayUrl({ host, port, pin }));
  } catch (error) {
    if (error instanceof Failure) throw new DecodeError("the relay's address is none", { cause: error });
    throw error;
  }
}
