import { type ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { LETTER_ID_LENGTH } from "../letters/letter-header.ts";
import { RECEIPTS_MAX } from "../limits.ts";

/**
 * That a device has taken a letter: its id and the SHA-256 of its header, which only those can know who opened it.
 *
 *     receipts = count 1*250( letter-id header-hash )      ; count 1 octet, letter-id 16, header-hash 32
 */
export interface Receipt {
  readonly letter: Buffer;
  readonly headerHash: Buffer;
}

export function encodeReceipts(writer: ByteWriter, receipts: readonly Receipt[]): ByteWriter {
  if (receipts.length < 1 || receipts.length > RECEIPTS_MAX) throw new RangeError("too few or too many receipts");
  writer.u8(receipts.length);
  for (const { letter, headerHash } of receipts) writer.raw(letter).raw(headerHash);
  return writer;
}

/** @throws DecodeError */
export function decodeReceipts(reader: ByteReader): Receipt[] {
  const count = reader.u8();
  if (count < 1 || count > RECEIPTS_MAX) throw new DecodeError("too few or too many receipts");
  const receipts: Receipt[] = [];
  for (let at = 0; at < count; at++)
    receipts.push({ letter: reader.raw(LETTER_ID_LENGTH), headerHash: reader.raw(32) });
  return receipts;
}
