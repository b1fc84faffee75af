import { ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import { deriveKey } from "../../foundation/seal.ts";
import { INNER_SIZE } from "../limits.ts";
import { openCell, sealCell } from "../queues/cell-seal.ts";
import { RECORD_CELLS_MAX } from "./limits.ts";

/** Records are written by turns into two places, so that one is always whole. */
export type RecordPlace = 0 | 1;

/** One cell's slot at a relay. Nothing shows a relay that two of them belong together. */
export interface RecordSlot {
  readonly slotId: Buffer;
  readonly ownerSeed: Buffer;
  /** Always the same, so that whoever has the words may read again. */
  readonly claimSeed: Buffer;
}

export function recordSlot(secret: Uint8Array, place: RecordPlace, index: number): RecordSlot {
  const derive = (what: string, length: number) =>
    deriveKey(secret, `postern recovery ${what} 1 ${place} ${index}`, length);
  return { slotId: derive("slot", 24), ownerSeed: derive("owner", 32), claimSeed: derive("claim", 32) };
}

const VERSION = 1;
const HEAD = 1 + 8 + 2 + 2 + 2;
const CHUNK = INNER_SIZE - HEAD;

/** Octets of the largest record. */
export const RECORD_SIZE_MAX = RECORD_CELLS_MAX * CHUNK;

/** One cell of a record, opened. */
export interface RecordCell {
  /** Rises with each writing; all cells of one have the same. Milliseconds since 1970, or more. */
  readonly version: number;
  readonly index: number;
  readonly cells: number;
  readonly chunk: Buffer;
}

/**
 * A record as cells: 1, 2, 4 ... of them, so that a relay does not count contacts.
 *
 *     inner = %x01 version index cells length chunk       ; 1, 8, 2, 2 and 2 octets
 *
 * @throws Failure too-big
 */
export function sealRecord(
  secret: Uint8Array,
  record: Uint8Array,
  version: number,
  random: (length: number) => Buffer,
): Buffer[] {
  if (record.length > RECORD_SIZE_MAX) throw new Failure("too-big", "more than a recovery record holds");
  let cells = 1;
  while (cells * CHUNK < record.length) cells *= 2;
  const key = sealKey(secret);
  return Array.from({ length: cells }, (_, index) => {
    const chunk = record.subarray(index * CHUNK, (index + 1) * CHUNK);
    const inner = new ByteWriter().u8(VERSION).u64(version).u16(index).u16(cells).vector16(chunk).bytes();
    return sealCell(key, "postern recovery 1", inner, random(12));
  });
}

/** Undefined where it is not sealed with this secret, or no cell of a record. */
export function openRecordCell(secret: Uint8Array, cell: Uint8Array): RecordCell | undefined {
  const inner = openCell(sealKey(secret), "postern recovery 1", cell);
  if (inner === undefined) return undefined;
  try {
    const reader = new ByteReader(inner);
    if (reader.u8() !== VERSION) return undefined;
    const version = reader.u64();
    const [index, cells] = [reader.u16(), reader.u16()];
    if (cells < 1 || cells > RECORD_CELLS_MAX || index >= cells) return undefined;
    return { version, index, cells, chunk: Buffer.from(reader.vector16()) };
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** The record of one writing; undefined where a cell is missing or of another one. */
export function joinRecord(cells: readonly (RecordCell | undefined)[]): Buffer | undefined {
  const [first] = cells;
  if (first === undefined || cells.length !== first.cells) return undefined;
  const chunks: Buffer[] = [];
  for (const [at, cell] of cells.entries()) {
    if (cell === undefined || cell.index !== at || cell.version !== first.version || cell.cells !== first.cells)
      return undefined;
    chunks.push(cell.chunk);
  }
  return Buffer.concat(chunks);
}

function sealKey(secret: Uint8Array): Buffer {
  return deriveKey(secret, "postern recovery seal 1");
}
