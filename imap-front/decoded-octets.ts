import { Failure } from "../foundation/failure.ts";
import { decodeTransfer, isKnownEncoding } from "../mime/transfer-decoding.ts";
import type { SectionItem } from "./fetch-items.ts";
import { CommandFailure } from "./reply.ts";
import { findPart } from "./section.ts";
import { begun, type SectionOctets } from "./section-octets.ts";
import type { Mailbox, MessageSummary } from "./store.ts";

/**
 * A part without its transfer encoding, or its size so (RFC 9051 section 6.4.5.2, RFC 3516). What is longer than
 * `buffered` octets is read twice: to count it, and to send it.
 * @throws CommandFailure UNKNOWN-CTE, Failure damaged, nonexistent
 */
export async function readDecoded(
  mailbox: Mailbox,
  message: MessageSummary,
  item: SectionItem,
  buffered: number,
): Promise<SectionOctets> {
  const decode = decoder(mailbox, message, item);
  if (decode === undefined) return item.decoded === "size" ? { kind: "number", value: 0 } : { kind: "none" };
  const { start, length } = item.partial ?? { start: 0, length: Number.POSITIVE_INFINITY };
  const kept: Uint8Array[] = [];
  let size = 0;
  let literal8 = false;
  for await (const piece of cut(decode(), start, length)) {
    size += piece.length;
    literal8 ||= piece.includes(0);
    if (size <= buffered) kept.push(Buffer.from(piece));
    else kept.length = 0;
  }
  if (item.decoded === "size") return { kind: "number", value: size };
  if (size <= buffered) return { kind: "bytes", bytes: Buffer.concat(kept), literal8 };
  return { kind: "stream", size, pieces: await begun(cut(decode(), start, length)), literal8 };
}

/** Reads the part anew with each call; undefined where there is no such part. */
function decoder(
  mailbox: Mailbox,
  { uid, size }: MessageSummary,
  { section }: SectionItem,
): (() => AsyncIterable<Uint8Array>) | undefined {
  if (section.part.length === 0) return () => mailbox.read(uid, 0, size);
  const root = mailbox.structure(uid);
  if (root === undefined) throw new Failure("damaged", "a message cannot be read");
  const part = findPart(root, section.part);
  if (part === undefined) return undefined;
  const { bodyStart, bodyEnd } = part;
  const read = () => (bodyStart === bodyEnd ? none() : mailbox.read(uid, bodyStart, bodyEnd));
  if (part.children !== undefined || part.message !== undefined) return read;
  // A multipart without parts is shown as one text/plain part that is not encoded (mime/body-structure.ts).
  if (part.type === "multipart") return () => withCrlf(read());
  if (!isKnownEncoding(part.encoding))
    throw new CommandFailure("NO", "UNKNOWN-CTE", "the part has a transfer encoding that nobody knows");
  const decode = () => decodeTransfer(part.encoding, read());
  return part.type === "text" ? () => withCrlf(decode()) : decode;
}

async function* none(): AsyncIterable<Uint8Array> {}

/** Octets start..start+length, as far as there are so many; reads no further than that. */
async function* cut(pieces: AsyncIterable<Uint8Array>, start: number, length: number): AsyncIterable<Uint8Array> {
  let skip = start;
  let left = length;
  for await (const piece of pieces) {
    const rest = skip === 0 ? piece : piece.subarray(Math.min(skip, piece.length));
    skip -= piece.length - rest.length;
    const wanted = rest.length > left ? rest.subarray(0, left) : rest;
    left -= wanted.length;
    if (wanted.length > 0) yield wanted;
    if (left === 0) return;
  }
}

/** Lines of text end with CRLF, however they were encoded (RFC 3516 section 6). */
async function* withCrlf(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let afterCr = false;
  for await (const piece of pieces) {
    const text = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString("latin1");
    const lines = text.replace(/(?<!\r)\n/g, (_, offset: number) => (offset === 0 && afterCr ? "\n" : "\r\n"));
    afterCr = text.endsWith("\r");
    yield lines.length === text.length ? piece : Buffer.from(lines, "latin1");
  }
}
