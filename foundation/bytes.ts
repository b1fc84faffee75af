import { timingSafeEqual } from "node:crypto";

/** A binary structure could not be decoded: it is truncated, too long, or says something impossible. */
export class DecodeError extends Error {
  override name = "DecodeError";
}

/** True if both hold the same bytes; takes the same time wherever they differ. Lengths are not secret. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Builds a binary structure field by field; integers are big-endian, variable fields carry their length before them. */
export class ByteWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    return this.raw(Uint8Array.of(value));
  }

  u16(value: number): this {
    const part = Buffer.allocUnsafe(2);
    part.writeUInt16BE(value);
    return this.raw(part);
  }

  u32(value: number): this {
    const part = Buffer.allocUnsafe(4);
    part.writeUInt32BE(value);
    return this.raw(part);
  }

  /** An unsigned integer below 2^53, in eight bytes. */
  u64(value: number): this {
    const part = Buffer.allocUnsafe(8);
    part.writeBigUInt64BE(BigInt(value));
    return this.raw(part);
  }

  /** Bytes as they are, for fields whose length both sides know. */
  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  /** Bytes after their length in two bytes. */
  vector16(bytes: Uint8Array): this {
    return this.u16(bytes.length).raw(bytes);
  }

  /** Bytes after their length in four bytes. */
  vector32(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** UTF-8 text after its length in bytes, in two bytes. */
  text16(text: string): this {
    return this.vector16(Buffer.from(text, "utf8"));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts, this.#length);
  }

  /** Writes all of it into a buffer that has room for it there. */
  copyTo(target: Buffer, offset: number): void {
    let at = offset;
    for (const part of this.#parts) {
      target.set(part, at);
      at += part.length;
    }
  }
}

/** Reads what a ByteWriter wrote. Every method throws DecodeError where the bytes end too early. */
export class ByteReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  u64(): number {
    const value = this.#bytes.readBigUInt64BE(this.#take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new DecodeError("integer above 2^53");
    return Number(value);
  }

  /** A view, not a copy, of the next bytes. */
  raw(length: number): Buffer {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  vector16(): Buffer {
    return this.raw(this.u16());
  }

  vector32(): Buffer {
    return this.raw(this.u32());
  }

  text16(): string {
    const bytes = this.vector16();
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new DecodeError("text is not UTF-8");
    }
  }

  rest(): Buffer {
    return this.raw(this.remaining);
  }

  /** Throws DecodeError if anything is left. */
  end(): void {
    if (this.remaining !== 0) throw new DecodeError(`${this.remaining} bytes too many`);
  }

  #take(length: number): number {
    if (this.remaining < length) throw new DecodeError(`${length} bytes expected, ${this.remaining} left`);
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}
