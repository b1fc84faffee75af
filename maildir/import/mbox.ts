import { createReadStream, type ReadStream } from "node:fs";
import { firstField } from "../../mime/header.ts";
import { isKeyword } from "../flags.ts";
import { MAX_FROM_LINE, MAX_IMPORTED_KEYWORDS, MAX_MBOX_LINE } from "../limits.ts";
import { joined } from "../small-content.ts";
import { arrivalDate } from "./header-dates.ts";
import { readHeader } from "./header-reading.ts";
import type { ImportedMessage, MessageSource } from "./message-source.ts";

const LF = 10;
const QUOTE = 0x3e;
/** The fields that an export puts before a message's own. */
const EXPORTED_FLAGS = /^Status: [RO]*\r?\nX-Status: [AFDT]*\r?\nX-Keywords: .*\r?\n/;
/** A time of day, or nothing at all as newer Thunderbirds write it: a line of prose that begins with From has neither. */
const SEPARATOR = /^From (?:.*\d{1,2}:\d{2}.*|- ?)?\r?\n?$/;

type MboxPiece = { readonly from: string } | { readonly octets: Buffer };

/**
 * Cuts an mbox into `From ` lines and what is between them; a separator begins the file or follows an empty line, and
 * that empty line belongs to it. `>From ` loses one `>` (mboxrd, and mboxo as far as can be known).
 */
async function* mboxPieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<MboxPiece> {
  let rest: Buffer = Buffer.alloc(0);
  let heldEmptyLine: Buffer | undefined;
  let mayBeFrom = true;
  let atLineStart = true;
  const handle = (line: Buffer, out: Buffer[]): string | undefined => {
    const startsLine = atLineStart;
    atLineStart = line[line.length - 1] === LF;
    const afterEmpty = mayBeFrom;
    mayBeFrom = startsLine && atLineStart && line.length <= 2 && (line.length === 1 || line[0] === 13);
    if (startsLine && afterEmpty && line[0] === 0x46 && line.length <= MAX_FROM_LINE) {
      const text = line.toString("latin1");
      if (SEPARATOR.test(text)) {
        heldEmptyLine = undefined;
        return text;
      }
    }
    if (heldEmptyLine !== undefined) out.push(heldEmptyLine);
    heldEmptyLine = mayBeFrom ? line : undefined;
    if (mayBeFrom) return undefined;
    out.push(startsLine && isQuotedFrom(line) ? line.subarray(1) : line);
    return undefined;
  };
  for await (const chunk of chunks) {
    const octets = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    const out: Buffer[] = [];
    let start = 0;
    for (let end = octets.indexOf(LF); end >= 0; end = octets.indexOf(LF, start)) {
      const from = handle(octets.subarray(start, end + 1), out);
      start = end + 1;
      if (from === undefined) continue;
      if (out.length > 0) yield { octets: Buffer.concat(out.splice(0)) };
      yield { from };
    }
    rest = octets.subarray(start);
    if (rest.length > MAX_MBOX_LINE) {
      handle(rest, out);
      rest = Buffer.alloc(0);
    }
    if (out.length > 0) yield { octets: Buffer.concat(out) };
  }
  const out: Buffer[] = [];
  const from = rest.length > 0 ? handle(rest, out) : undefined;
  if (out.length > 0) yield { octets: Buffer.concat(out) };
  if (from !== undefined) yield { from };
}

function isQuotedFrom(line: Buffer): boolean {
  let at = 0;
  while (line[at] === QUOTE) at++;
  return at > 0 && line.toString("latin1", at, at + 5) === "From ";
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** The asctime of a `From ` line, which is UTC by custom: `Mon Nov 23 10:00:00 2026`. */
export function fromLineDate(line: string): number | undefined {
  const match = /([A-Za-z]{3}) +(\d{1,2}) (\d{1,2}):(\d{2})(?::(\d{2}))?(?: [A-Z]{1,5}| [+-]\d{4})? (\d{4})/.exec(line);
  const month = MONTHS.indexOf((match?.[1] ?? "").toLowerCase());
  if (match === null || month < 0) return undefined;
  const [day, hour, minute, second, year] = [2, 3, 4, 5, 6].map((group) => Number(match[group] ?? 0));
  return Date.UTC(year ?? 0, month, day, hour, minute, second);
}

/** The flags that mutt, pine, Dovecot and others keep in Status, X-Status and X-Keywords. */
export function statusFlags(header: Uint8Array): string[] {
  const letters = `${firstField(header, "status") ?? ""}${firstField(header, "x-status") ?? ""}`;
  const flags: readonly (readonly [string, string])[] = [
    ["R", "\\Seen"],
    ["A", "\\Answered"],
    ["F", "\\Flagged"],
    ["D", "\\Deleted"],
    ["T", "\\Draft"],
  ];
  const system = flags.filter(([letter]) => letters.includes(letter)).map(([, flag]) => flag);
  const keywords = (firstField(header, "x-keywords") ?? "").split(/[\s,]+/).filter(isKeyword);
  return [...system, ...keywords.slice(0, MAX_IMPORTED_KEYWORDS)];
}

/** The messages of an mbox of so many octets, and how far it has been read. */
export function openMbox(path: string, size: number): MessageSource {
  let stream: ReadStream | undefined;
  const messages = readMbox(path, (opened) => (stream = opened));
  return { octets: { total: size, read: () => stream?.bytesRead ?? 0 }, messages };
}

/** The messages of an mbox (RFC 4155, mboxrd, mboxo), however large it is. What precedes the first `From ` is passed over. */
export async function* readMbox(path: string, onOpen?: (stream: ReadStream) => void): AsyncGenerator<ImportedMessage> {
  const stream = createReadStream(path);
  onOpen?.(stream);
  const pieces = mboxPieces(stream as AsyncIterable<Buffer>);
  let from: string | undefined;
  const body = async function* (): AsyncGenerator<Buffer> {
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
      if ("from" in next.value) {
        from = next.value.from;
        return;
      }
      yield next.value.octets;
    }
  };
  try {
    for await (const _ of body());
    while (from !== undefined) {
      const line = from;
      from = undefined;
      const iterator = body();
      const header = await readHeader(iterator);
      const internalDate = fromLineDate(line) ?? arrivalDate(header);
      const exported = EXPORTED_FLAGS.exec(header.toString("latin1"))?.[0].length ?? 0;
      yield { content: joined(header.subarray(exported), iterator), flags: statusFlags(header), internalDate };
      for await (const _ of iterator);
    }
  } finally {
    stream.destroy();
  }
}
