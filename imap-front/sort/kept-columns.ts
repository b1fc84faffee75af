import type { Pace } from "../pace.ts";
import { type PackedColumns, SortColumns } from "./sort-columns.ts";

/** To be raised when the columns mean something else, or messages are read otherwise (mime/sort-fields.ts). */
const VERSION = 1;

/** Numbers in front: version, octets, UIDVALIDITY, rows, references, texts and ids, and the octets of these two. */
const HEAD = 9;

type Column = Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array;

/** The columns as octets, which a mailbox keeps until the next start; in the order of this machine. */
export async function encodeColumns(columns: SortColumns, uidValidity: number, pace: Pace): Promise<Uint8Array> {
  const { floats, integers, referenced, texts, idNames } = await columns.pack(pace);
  const parts: Column[] = [
    ...Object.values(floats),
    ...Object.values(integers),
    referenced,
    texts.lengths as Int32Array<ArrayBuffer>,
    idNames.lengths as Int32Array<ArrayBuffer>,
    texts.octets,
    idNames.octets,
  ];
  const total = parts.reduce((sum, { byteLength }) => sum + byteLength, HEAD * 8);
  const octets = new Uint8Array(total);
  new Float64Array(octets.buffer, 0, HEAD).set([
    VERSION,
    total,
    uidValidity,
    floats.uids.length,
    referenced.length,
    texts.lengths.length,
    idNames.lengths.length,
    texts.octets.length,
    idNames.octets.length,
  ]);
  let position = HEAD * 8;
  for (const part of parts) {
    octets.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), position);
    position += part.byteLength;
  }
  return octets;
}

/** Undefined where they are of another program or mailbox, or not all there. */
export function decodeColumns(octets: Uint8Array<ArrayBuffer>, uidValidity: number): SortColumns | undefined {
  if (octets.length < HEAD * 8) return undefined;
  const [version, total, validity, rows = 0, references = 0, texts = 0, ids = 0, textOctets = 0, idOctets = 0] =
    new Float64Array(octets.buffer, 0, HEAD);
  if (version !== VERSION || total !== octets.length || validity !== uidValidity) return undefined;
  let position = HEAD * 8;
  const take = (length: number): number => {
    position += length;
    return position - length;
  };
  const floats = (length: number) => new Float64Array(octets.buffer, take(8 * length), length);
  const integers = (length: number) => new Int32Array(octets.buffer, take(4 * length), length);
  const octetsOf = (length: number) => new Uint8Array(octets.buffer, take(length), length);
  // In the order in which they were put down.
  const packed: Omit<PackedColumns, "texts" | "idNames"> = {
    floats: { uids: floats(rows), arrivals: floats(rows), sizes: floats(rows), dates: floats(rows) },
    integers: {
      subjects: integers(rows),
      from: integers(rows),
      to: integers(rows),
      cc: integers(rows),
      displayFrom: integers(rows),
      displayTo: integers(rows),
      replies: integers(rows),
      ids: integers(rows),
      firstReference: integers(rows),
      references: integers(rows),
      known: integers(rows),
    },
    referenced: integers(references),
  };
  const [textLengths, idLengths] = [integers(texts), integers(ids)];
  return new SortColumns({
    ...packed,
    texts: { lengths: textLengths, octets: octetsOf(textOctets) },
    idNames: { lengths: idLengths, octets: octetsOf(idOctets) },
  });
}
