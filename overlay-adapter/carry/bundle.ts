import { createHash } from "node:crypto";
import { ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { deriveKey } from "../../foundation/seal.ts";
import { CELL_SIZE } from "../../relay/wire/cell.ts";
import { openCell, sealCell } from "../queues/cell-seal.ts";
import { BUNDLE_CELLS, PADDED_CELLS, RANGES_MAX } from "./limits.ts";

/** Numbers from first to last. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** What a bundle says of itself to those who hold the key of the queue that it belongs to. */
export type BundleHeader =
  /**
   * It holds cells for the queue, numbered from `first`. `previous` is the number of the unconfirmed one before them, 0
   * where there is none: so the reader knows whether a bundle is missing.
   */
  | {
      readonly kind: "cells";
      readonly first: number;
      readonly count: number;
      readonly previous: number;
      readonly hash: Buffer;
    }
  /** The queue's reader has all numbers up to `upTo`, and those ranges. */
  | { readonly kind: "receipt"; readonly upTo: number; readonly ranges: readonly NumberRange[] };

/**
 *     bundle  = header-cell *cell *filling          ; each 16,256 octets, in all a multiple of 16 of them
 *     header  = %x01 ( cells / receipt )            ; in a cell sealed with a key that is derived from the queue's
 *     cells   = %x01 first count previous hash      ; u64, u32, u64, SHA-256 of the cells
 *     receipt = %x02 up-to count *( first last )    ; u64, u16, u64 each
 *
 * Filling is random. Nothing of a bundle can be told from random octets without the key.
 */
export function encodeBundle(
  queueKey: Uint8Array,
  header: BundleHeader,
  cells: readonly Uint8Array[],
  random: (length: number) => Buffer,
): Buffer {
  const used = 1 + cells.length;
  const filling = (Math.ceil(used / PADDED_CELLS) * PADDED_CELLS - used) * CELL_SIZE;
  const sealed = sealCell(headerKey(queueKey), "postern carry 1 header", encodeHeader(header), random(12));
  return Buffer.concat([sealed, ...cells, random(filling)]);
}

/** The key that the header is sealed with. To be derived once for many trials. */
export function headerKey(queueKey: Uint8Array): Buffer {
  return deriveKey(queueKey, "postern carry 1 header");
}

/** Of a bundle's first CELL_SIZE octets; undefined where it belongs to another queue. @throws DecodeError */
export function openHeader(key: Uint8Array, bundle: Uint8Array): BundleHeader | undefined {
  const inner = openCell(key, "postern carry 1 header", bundle.subarray(0, CELL_SIZE));
  return inner === undefined ? undefined : decodeHeader(inner);
}

/** The cells of a whole bundle. @throws DecodeError where the file was cut short or changed */
export function cellsOf(bundle: Buffer, { count, hash }: Extract<BundleHeader, { kind: "cells" }>): Buffer[] {
  const cells = bundle.subarray(CELL_SIZE, (1 + count) * CELL_SIZE);
  if (cells.length !== count * CELL_SIZE || !hashOf([cells]).equals(hash))
    throw new DecodeError("the bundle was cut short or changed");
  return Array.from({ length: count }, (_, index) => cells.subarray(index * CELL_SIZE, (index + 1) * CELL_SIZE));
}

export function hashOf(cells: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const cell of cells) hash.update(cell);
  return hash.digest();
}

function encodeHeader(header: BundleHeader): Buffer {
  const writer = new ByteWriter().u8(1);
  if (header.kind === "cells")
    return writer.u8(1).u64(header.first).u32(header.count).u64(header.previous).raw(header.hash).bytes();
  writer.u8(2).u64(header.upTo).u16(header.ranges.length);
  for (const { first, last } of header.ranges) writer.u64(first).u64(last);
  return writer.bytes();
}

/** @throws DecodeError */
export function decodeHeader(inner: Buffer): BundleHeader {
  const reader = new ByteReader(inner);
  if (reader.u8() !== 1) throw new DecodeError("a bundle of a newer program");
  const kind = reader.u8();
  if (kind === 1) {
    const [first, count, previous, hash] = [reader.u64(), reader.u32(), reader.u64(), Buffer.from(reader.raw(32))];
    if (previous >= first || count < 1 || count >= BUNDLE_CELLS) throw new DecodeError("numbers that no bundle has");
    return { kind: "cells", first, count, previous, hash };
  }
  if (kind !== 2) throw new DecodeError("a bundle of an unknown kind");
  const upTo = reader.u64();
  const count = reader.u16();
  if (count > RANGES_MAX) throw new DecodeError("more ranges than a receipt has");
  const ranges = Array.from({ length: count }, () => ({ first: reader.u64(), last: reader.u64() }));
  if (ranges.some(({ first, last }) => first > last)) throw new DecodeError("a range that ends before it begins");
  return { kind: "receipt", upTo, ranges };
}
