import { createHash } from "node:crypto";
import { ByteReader, ByteWriter, DecodeError, equalConstantTime } from "../foundation/bytes.ts";
import { decodeQueueAddress, encodeQueueAddress, type QueueAddress } from "./queue-address.ts";

/**
 * What the first ratchet message of a hello says: where the inviter writes to, bound to the account state beside it.
 *
 *     hello-message = %x01 state-hash vector16      ; SHA-256 of the account state; queue address
 */
export function encodeHelloMessage(queue: QueueAddress, accountState: Uint8Array): Buffer {
  return new ByteWriter().u8(1).raw(hash(accountState)).vector16(encodeQueueAddress(queue)).bytes();
}

/** @throws DecodeError, also where the account state beside it is another one */
export function decodeHelloMessage(bytes: Uint8Array, accountState: Uint8Array): QueueAddress {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== 1) throw new DecodeError("hello message of an unknown version");
  if (!equalConstantTime(reader.raw(32), hash(accountState))) throw new DecodeError("hello with another account state");
  return decodeQueueAddress(reader.vector16());
}

function hash(accountState: Uint8Array): Buffer {
  return createHash("sha256").update(accountState).digest();
}
