import { open, seal } from "../../foundation/seal.ts";
import { CELL_SIZE } from "../../relay/wire/cell.ts";
import { INNER_SIZE } from "../limits.ts";

const NONCE_LENGTH = 12;

/** What a cell's key is for, so that no cell can be taken for one of another kind. */
export type CellContext =
  | "postern cell 1"
  | "postern invite 1 bundle"
  | "postern carry 1 header"
  | "postern pair 1 offer"
  | "postern recovery 1";

/**
 *     cell = nonce ChaCha20-Poly1305(key, nonce, inner *%x00, context)    ; 12 + 16,228 + 16 octets
 *
 * The nonce is random: 2^32 cells under one key keep a collision below 2^-32.
 */
export function sealCell(key: Uint8Array, context: CellContext, inner: Uint8Array, nonce: Uint8Array): Buffer {
  if (inner.length > INNER_SIZE) throw new RangeError("more than a cell holds");
  return seal(key, nonce, padded(inner), Buffer.from(context), nonce);
}

function padded(inner: Uint8Array): Uint8Array {
  if (inner.length === INNER_SIZE) return inner;
  const whole = Buffer.alloc(INNER_SIZE);
  whole.set(inner);
  return whole;
}

/** The padded inside; undefined if it is not sealed with this key for this use. */
export function openCell(key: Uint8Array, context: CellContext, cell: Uint8Array): Buffer | undefined {
  if (cell.length !== CELL_SIZE) return undefined;
  return open(key, cell.subarray(0, NONCE_LENGTH), cell.subarray(NONCE_LENGTH), Buffer.from(context));
}
