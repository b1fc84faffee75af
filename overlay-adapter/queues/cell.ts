import { ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { DEVICES_MAX, FIRST_CELL_SLOTS, LETTER_CELLS_MAX, SLOT_SIZE, SLOTS_PER_CELL } from "../limits.ts";

/** One ratchet ciphertext for one of the recipient's devices. */
export interface Slot {
  readonly deviceId: number;
  readonly type: "first" | "ratchet";
  readonly bytes: Buffer;
}

/**
 * What a queue's cell says, once its seal is off:
 *
 *     inner      = %x01 ( letter / body / slots / hello / renewal )
 *     letter     = %x01 tag sender-device cells 2slot commitment chunk   ; the letter's first cell
 *     body       = %x02 tag index chunk                       ; index 1 up to cells - 1
 *     slots      = %x03 tag 7slot                             ; before the letter's first cell
 *     hello      = %x04 nonce vector16                        ; sealed under an invite's reply key
 *     renewal    = %x05 tag vector16                          ; renewal.ts
 *     slot       = device-id ( %x02 / %x03 ) vector16 *%x00   ; 2,032 octets; device-id 0 is an empty slot
 *
 * tag 16 octets, random per letter and recipient; sender-device and device-id 1; cells and index 4; nonce 12;
 * commitment 32 (letter-header.ts); a chunk takes the rest of the cell. %x02 is a ratchet message, %x03 a session's first one.
 */
export type InnerCell =
  | {
      readonly kind: "letter";
      readonly tag: Buffer;
      readonly senderDevice: number;
      /** Cells that carry content; a power of two. */
      readonly cells: number;
      readonly slots: readonly Slot[];
      readonly commitment: Buffer;
      readonly chunk: Buffer;
    }
  | { readonly kind: "body"; readonly tag: Buffer; readonly index: number; readonly chunk: Buffer }
  | { readonly kind: "slots"; readonly tag: Buffer; readonly slots: readonly Slot[] }
  | { readonly kind: "hello"; readonly nonce: Buffer; readonly sealed: Buffer }
  | { readonly kind: "renewal"; readonly tag: Buffer; readonly bytes: Buffer };

export const TAG_LENGTH = 16;
export const COMMITMENT_LENGTH = 32;
/** Octets of a letter's first cell beside slots and chunk. */
export const LETTER_HEAD = 2 + TAG_LENGTH + 1 + 4 + COMMITMENT_LENGTH;
/** Octets before the chunk of a body cell. */
export const BODY_HEAD = 2 + TAG_LENGTH + 4;

const VERSION = 1;
const KIND = { letter: 1, body: 2, slots: 3, hello: 4, renewal: 5 } as const;
const SLOT_TYPE = { ratchet: 2, first: 3 } as const;

export function encodeInnerCell(cell: InnerCell): Buffer {
  const writer = new ByteWriter().u8(VERSION).u8(KIND[cell.kind]);
  if (cell.kind === "hello") return writer.raw(cell.nonce).vector16(cell.sealed).bytes();
  writer.raw(cell.tag);
  if (cell.kind === "renewal") return writer.vector16(cell.bytes).bytes();
  if (cell.kind === "body") return writer.u32(cell.index).raw(cell.chunk).bytes();
  if (cell.kind === "slots") return writeSlots(writer, cell.slots, SLOTS_PER_CELL).bytes();
  writer.u8(cell.senderDevice).u32(cell.cells);
  return writeSlots(writer, cell.slots, FIRST_CELL_SLOTS).raw(cell.commitment).raw(cell.chunk).bytes();
}

/** Views into the bytes, not copies. @throws DecodeError */
export function decodeInnerCell(bytes: Uint8Array): InnerCell {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION) throw new DecodeError("cell of an unknown version");
  const kind = reader.u8();
  if (kind === KIND.letter) {
    const tag = reader.raw(TAG_LENGTH);
    const senderDevice = reader.u8();
    if (senderDevice < 1 || senderDevice > DEVICES_MAX) throw new DecodeError("device id out of bounds");
    const cells = reader.u32();
    if (cells < 1 || cells > LETTER_CELLS_MAX || (cells & (cells - 1)) !== 0)
      throw new DecodeError("number of cells is no power of two, or too large");
    return {
      kind: "letter",
      tag,
      senderDevice,
      cells,
      slots: decodeSlots(reader, FIRST_CELL_SLOTS),
      commitment: reader.raw(COMMITMENT_LENGTH),
      chunk: reader.rest(),
    };
  }
  if (kind === KIND.body) {
    const tag = reader.raw(TAG_LENGTH);
    const index = reader.u32();
    if (index < 1 || index >= LETTER_CELLS_MAX) throw new DecodeError("index out of bounds");
    return { kind: "body", tag, index, chunk: reader.rest() };
  }
  if (kind === KIND.slots)
    return { kind: "slots", tag: reader.raw(TAG_LENGTH), slots: decodeSlots(reader, SLOTS_PER_CELL) };
  if (kind === KIND.hello) return { kind: "hello", nonce: reader.raw(12), sealed: reader.vector16() };
  if (kind === KIND.renewal) return { kind: "renewal", tag: reader.raw(TAG_LENGTH), bytes: reader.vector16() };
  throw new DecodeError("cell of an unknown kind");
}

/** Slots as the outbox keeps them: each as `device-id type vector16`. */
export function encodeSlotList(slots: readonly Slot[]): Buffer {
  const writer = new ByteWriter();
  for (const slot of slots) writeSlot(writer, slot);
  return writer.bytes();
}

export function decodeSlotList(bytes: Uint8Array): Slot[] {
  const reader = new ByteReader(bytes);
  const slots: Slot[] = [];
  while (reader.remaining > 0)
    slots.push({ deviceId: reader.u8(), type: slotType(reader.u8()), bytes: reader.vector16() });
  return slots;
}

const EMPTY_SLOT = Buffer.alloc(SLOT_SIZE);

function writeSlots(writer: ByteWriter, slots: readonly Slot[], count: number): ByteWriter {
  if (slots.length > count) throw new RangeError("more slots than the cell has");
  for (let at = 0; at < count; at++) {
    const slot = slots[at];
    const before = writer.length;
    if (slot !== undefined) writeSlot(writer, slot);
    const left = before + SLOT_SIZE - writer.length;
    if (left < 0) throw new RangeError("ciphertext is larger than a slot");
    writer.raw(EMPTY_SLOT.subarray(0, left));
  }
  return writer;
}

function writeSlot(writer: ByteWriter, { deviceId, type, bytes }: Slot): void {
  writer.u8(deviceId).u8(SLOT_TYPE[type]).vector16(bytes);
}

function decodeSlots(cell: ByteReader, count: number): Slot[] {
  const slots: Slot[] = [];
  for (let at = 0; at < count; at++) {
    const reader = new ByteReader(cell.raw(SLOT_SIZE));
    const deviceId = reader.u8();
    if (deviceId === 0) continue;
    if (deviceId > DEVICES_MAX) throw new DecodeError("device id out of bounds");
    slots.push({ deviceId, type: slotType(reader.u8()), bytes: reader.vector16() });
  }
  return slots;
}

function slotType(octet: number): Slot["type"] {
  if (octet === SLOT_TYPE.first) return "first";
  if (octet === SLOT_TYPE.ratchet) return "ratchet";
  throw new DecodeError("slot of an unknown type");
}
