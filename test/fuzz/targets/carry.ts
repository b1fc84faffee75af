import { cellsOf, encodeBundle, hashOf, headerKey, openHeader } from "../../../overlay-adapter/carry/bundle.ts";
import { INNER_SIZE } from "../../../overlay-adapter/limits.ts";
import { openCell, sealCell } from "../../../overlay-adapter/queues/cell-seal.ts";
import { CELL_SIZE } from "../../../relay/wire/cell.ts";
import { severalReaders } from "../several-readers.ts";

const queueKey = Buffer.alloc(32, 1);
const key = headerKey(queueKey);
const CONTEXT = "postern carry 1 header";
const cells = [Buffer.alloc(CELL_SIZE, 2), Buffer.alloc(CELL_SIZE, 3)];
const zeros = (length: number) => Buffer.alloc(length);
const BUNDLE = encodeBundle(
  queueKey,
  { kind: "cells", first: 5, count: 2, previous: 4, hash: hashOf(cells) },
  cells,
  zeros,
).subarray(0, 4 * CELL_SIZE);
const RECEIPT = encodeBundle(
  queueKey,
  { kind: "receipt", upTo: 9, ranges: [{ first: 11, last: 12 }] },
  [],
  zeros,
).subarray(0, CELL_SIZE);

/** What a header said, without the zeros behind it. */
function inside(bundle: Buffer): Buffer {
  return openCell(key, CONTEXT, bundle.subarray(0, CELL_SIZE))?.subarray(0, 100) ?? Buffer.alloc(0);
}

/** A bundle as it lies in a folder: it is another queue's, cut short or changed, or has the very cells that were put in. */
function readBundle(input: Buffer): void {
  const header = openHeader(key, input);
  if (header?.kind !== "cells") return;
  if (!Buffer.concat(cellsOf(input, header)).equals(Buffer.concat(cells))) throw new Error("changed cells were taken");
}

/** Somebody who has the queue's key, and writes what they like in the header. */
function readHeader(input: Buffer): void {
  const bundle = Buffer.concat([sealCell(key, CONTEXT, input.subarray(0, INNER_SIZE), Buffer.alloc(12, 4)), ...cells]);
  const header = openHeader(key, bundle);
  if (header?.kind === "cells" && cellsOf(bundle, header).length !== header.count)
    throw new Error("another number of cells than the header says");
}

/** Files on a stick. */
export const carry = severalReaders(
  "carry",
  ["\0", "\x01", "\x02", "\xff\xff", "\0\0\0\0\0\0\0\x01", "\x1f\xff\xff\xff\xff\xff\xff\xff"],
  [
    { read: readBundle, seeds: [BUNDLE, RECEIPT] },
    { read: readHeader, seeds: [inside(BUNDLE), inside(RECEIPT)] },
  ],
);
