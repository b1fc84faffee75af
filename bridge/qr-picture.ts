import { crc32, deflateSync } from "node:zlib";
import { encode } from "uqr";

/** Pixels of each module. */
const PIXELS = 8;

/** A text's QR code as a PNG picture (W3C PNG, third edition): one octet of grey a pixel. */
export function qrPicture(text: string, ecc: "L" | "M"): Buffer {
  const { data, size } = encode(text, { ecc, border: 4 });
  const side = size * PIXELS;
  const rows = data.flatMap((modules) => {
    const line = Buffer.alloc(1 + side, 255);
    // The filter that changes nothing.
    line[0] = 0;
    for (const [at, dark] of modules.entries()) if (dark) line.fill(0, 1 + at * PIXELS, 1 + (at + 1) * PIXELS);
    return Array.from({ length: PIXELS }, () => line);
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  // Eight bits, grey.
  header[8] = 8;
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    pngChunk("IHDR", header),
    pngChunk("IDAT", deflateSync(Buffer.concat(rows))),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
  const chunk = Buffer.alloc(4 + body.length + 4);
  chunk.writeUInt32BE(content.length, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), 4 + body.length);
  return chunk;
}
