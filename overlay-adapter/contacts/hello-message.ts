import { createHash } from "node:crypto";
import { ByteReader, ByteWriter, DecodeError, equalConstantTime } from "../../foundation/bytes.ts";
import { decodeQueueAddress, encodeQueueAddress, type QueueAddress } from "../queues/queue-address.ts";
import { NONCE_SIZE } from "./safety-phrase.ts";

/**
 * What the first ratchet message of a hello says: where the host writes to and the guest's part of the safety phrase,
 * bound to the account state beside it.
 *
 *     hello-message = %x02 state-hash nonce vector16      ; SHA-256 of the account state; 32 octets; queue address
 */
export interface HelloMessage {
  readonly queue: QueueAddress;
  readonly nonce: Buffer;
}

export function encodeHelloMessage({ queue, nonce }: HelloMessage, accountState: Uint8Array): Buffer {
  return new ByteWriter().u8(2).raw(hash(accountState)).raw(nonce).vector16(encodeQueueAddress(queue)).bytes();
}

/** @throws DecodeError, also where the account state beside it is another one */
export function decodeHelloMessage(bytes: Uint8Array, accountState: Uint8Array): HelloMessage {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== 2) throw new DecodeError("hello message of an unknown version");
  if (!equalConstantTime(reader.raw(32), hash(accountState))) throw new DecodeError("hello with another account state");
  const nonce = Buffer.from(reader.raw(NONCE_SIZE));
  return { queue: decodeQueueAddress(reader.vector16()), nonce };
}

function hash(accountState: Uint8Array): Buffer {
  return createHash("sha256").update(accountState).digest();
}
