const LF = 10;
const CR = 13;
const CRLF = Buffer.from("\r\n");

/** The octets with each bare LF made CRLF, as mail programs expect them; files of mail mostly have bare ones. */
export async function* withCrlf(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let afterCr = false;
  for await (const chunk of content) {
    const octets = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const pieces: Buffer[] = [];
    let start = 0;
    for (let end = octets.indexOf(LF); end >= 0; end = octets.indexOf(LF, end + 1)) {
      if (end > 0 ? octets[end - 1] === CR : afterCr) continue;
      pieces.push(octets.subarray(start, end), CRLF);
      start = end + 1;
    }
    if (octets.length > 0) afterCr = octets[octets.length - 1] === CR;
    pieces.push(octets.subarray(start));
    yield pieces.length === 1 ? octets : Buffer.concat(pieces);
  }
}
