import { SignalMessage } from "@signalapp/libsignal-client";
import { DecodeError } from "../foundation/bytes.ts";
import { plain } from "./device-bundle.ts";

/** The field of a first message, in libsignal's protocol buffers, that holds the ratchet message. */
const RATCHET_MESSAGE = 4;

/** The number of a ratchet message in its chain: so many keys are derived, and kept, if none came before it. @throws DecodeError, libsignal's errors */
export function messageCounter(type: "first" | "ratchet", bytes: Uint8Array): number {
  const message = type === "first" ? ratchetMessage(bytes) : bytes;
  return SignalMessage.deserialize(plain(message)).counter();
}

/** A first message is a version octet, then fields: a varint of number and wire type, then a varint or a length and octets. */
function ratchetMessage(first: Uint8Array): Uint8Array {
  let at = 1;
  let found: Uint8Array | undefined;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; shift <= 2 ** 28; shift *= 128) {
      const octet = first[at++] ?? 0x80;
      value += (octet & 0x7f) * shift;
      if (octet < 0x80) return value;
    }
    throw new DecodeError("first message with a number that is too large, or cut off");
  };
  while (at < first.length) {
    const tag = varint();
    if (tag % 8 === 0) varint();
    else if (tag % 8 === 2) {
      const length = varint();
      if (length > first.length - at) throw new DecodeError("first message that is cut off");
      // As protocol buffers have it, the last of several counts.
      if (tag >> 3 === RATCHET_MESSAGE) found = first.subarray(at, at + length);
      at += length;
    } else throw new DecodeError("first message with a field of another kind");
  }
  if (found === undefined) throw new DecodeError("first message without a ratchet message");
  return found;
}
