/** Octets of a header that are looked at for dates and flags. */
const MAX_HEADER = 256 * 1024;

/** Reads pieces until the header's end is among them, or the bound is reached. */
export async function readHeader(iterator: AsyncIterator<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const next = await iterator.next();
    if (next.done === true) return Buffer.concat(pieces, length);
    pieces.push(next.value);
    length += next.value.length;
    const tail = Buffer.concat(pieces.slice(-2));
    if (length > MAX_HEADER || tail.includes("\n\n") || tail.includes("\n\r\n")) return Buffer.concat(pieces, length);
  }
}
