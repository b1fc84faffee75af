import { ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { NONCE_SIZE } from "../contacts/safety-phrase.ts";
import { LETTER_ID_LENGTH } from "../letters/letter-header.ts";
import { decodeQueueAddress, encodeQueueAddress, type QueueAddress } from "../queues/queue-address.ts";
import { decodeReceipts, encodeReceipts, type Receipt } from "../receipts/receipt.ts";

export interface ReceiptsControl {
  readonly kind: "receipts" | "acknowledgements";
  readonly receipts: readonly Receipt[];
}

/**
 * What one overlay says to another in a letter of the kind `control`:
 *
 *     control = %x01 nonce           ; welcome: the hello was taken; 32 octets, the host's part of the safety phrase
 *             / %x02 vector16 order  ; queue: from now on, write to this address; a u64 that rises with each
 *             / %x03 vector16        ; state: the sender's account state
 *             / %x20 receipts        ; these letters were taken (receipt.ts)
 *             / %x21 receipts        ; the same, but the user who sent them is not to be told
 *             / %x22 letter-id       ; blob-failed: its blob could not be read, so it is to go as cells; 16 octets
 *             / %x23                 ; abilities: its header says what the sender's device can do
 *
 * Anything that follows is left for later versions, as are unknown kinds: they are taken and ignored.
 */
export type Control =
  | { readonly kind: "welcome"; readonly nonce: Buffer }
  | { readonly kind: "queue"; readonly address: QueueAddress; readonly order: number }
  | { readonly kind: "state"; readonly accountState: Buffer }
  | ReceiptsControl
  | { readonly kind: "blob-failed"; readonly letter: Buffer }
  | { readonly kind: "abilities" }
  | { readonly kind: "unknown" };

export function encodeControl(control: Exclude<Control, { kind: "unknown" }>): Buffer {
  const writer = new ByteWriter();
  if (control.kind === "state") return writer.u8(3).vector16(control.accountState).bytes();
  if (control.kind === "welcome") return writer.u8(1).raw(control.nonce).bytes();
  if (control.kind === "abilities") return writer.u8(0x23).bytes();
  if (control.kind === "blob-failed") return writer.u8(0x22).raw(control.letter).bytes();
  if ("receipts" in control)
    return encodeReceipts(writer.u8(control.kind === "receipts" ? 0x20 : 0x21), control.receipts).bytes();
  return writer.u8(2).vector16(encodeQueueAddress(control.address)).u64(control.order).bytes();
}

/** @throws DecodeError */
export function decodeControl(bytes: Uint8Array): Control {
  if (bytes.length === 0) throw new DecodeError("empty control letter");
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  if (kind === 1) return { kind: "welcome", nonce: Buffer.from(reader.raw(NONCE_SIZE)) };
  if (kind === 2) return { kind: "queue", address: decodeQueueAddress(reader.vector16()), order: reader.u64() };
  if (kind === 3) return { kind: "state", accountState: Buffer.from(reader.vector16()) };
  if (kind === 0x20) return { kind: "receipts", receipts: decodeReceipts(reader) };
  if (kind === 0x21) return { kind: "acknowledgements", receipts: decodeReceipts(reader) };
  if (kind === 0x22) return { kind: "blob-failed", letter: Buffer.from(reader.raw(LETTER_ID_LENGTH)) };
  return { kind: kind === 0x23 ? "abilities" : "unknown" };
}
