import { type ByteWriter, DecodeError } from "../../foundation/bytes.ts";

/** Bytes of everything that travels on a relay's TLS stream: one plaintext of a full TLS record (RFC 8446 section 5.1). */
export const BLOCK_SIZE = 16_384;

/** Bytes that a block can carry. */
export const MAX_PAYLOAD = BLOCK_SIZE - 2;

const ZEROS = Buffer.alloc(BLOCK_SIZE);

/**
 *     block = length payload padding    ; 16,384 bytes in all, so that kinds and lengths do not show
 *     length  = u16                     ; bytes of payload
 *     padding = *%x00
 */
export function encodeBlock(payload: ByteWriter): Buffer {
  if (payload.length > MAX_PAYLOAD) throw new Error(`a payload of ${payload.length} bytes does not fit into a block`);
  const block = Buffer.alloc(BLOCK_SIZE);
  block.writeUInt16BE(payload.length);
  payload.copyTo(block, 2);
  return block;
}

/** The payload, as a view into the block. @throws DecodeError */
export function decodeBlock(block: Buffer): Buffer {
  if (block.length !== BLOCK_SIZE) throw new DecodeError(`a block of ${block.length} bytes`);
  const end = 2 + block.readUInt16BE(0);
  if (end > BLOCK_SIZE) throw new DecodeError("payload longer than its block");
  if (block.compare(ZEROS, end, BLOCK_SIZE, end, BLOCK_SIZE) !== 0) throw new DecodeError("padding is not zero");
  return block.subarray(2, end);
}

/** Cuts a byte stream into blocks, whatever pieces it comes in. Holds less than one block. */
export class BlockSplitter {
  #partial: Buffer | undefined;
  #filled = 0;

  /** The blocks that are complete with this piece. They may be views into it. */
  *push(piece: Buffer): Generator<Buffer> {
    let offset = 0;
    if (this.#partial !== undefined) {
      offset = piece.copy(this.#partial, this.#filled);
      this.#filled += offset;
      if (this.#filled < BLOCK_SIZE) return;
      const whole = this.#partial;
      this.#partial = undefined;
      yield whole;
    }
    for (; piece.length - offset >= BLOCK_SIZE; offset += BLOCK_SIZE) yield piece.subarray(offset, offset + BLOCK_SIZE);
    if (offset < piece.length) {
      this.#partial = Buffer.allocUnsafeSlow(BLOCK_SIZE);
      this.#filled = piece.copy(this.#partial, 0, offset);
    }
  }
}
