import { LINE_END, type LineEnd } from "./container.ts";
import { LINE_LENGTH_MAX } from "./limits.ts";

const CR = 13;
const LF = 10;
const PAD = 61;
const HYPHEN = 45;
const UNDERSCORE = 95;

const LINE_ENDS = { [LINE_END.lf]: "\n", [LINE_END.crlf]: "\r\n" } as const;

const ALPHABET = new Uint8Array(256);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  ALPHABET[character.charCodeAt(0)] = 1;

/** A line of base64: its text's length in octets, its end, and what it stands for. Where it is padded, it can only be the last of a run. */
export interface Base64Line {
  readonly length: number;
  readonly lineEnd: LineEnd;
  readonly padded: boolean;
  readonly octets: Buffer;
}

/** What a whole line, with its end, is as one of a run; undefined where its octets, encoded again, are another text. */
export function base64Line(line: Buffer): Base64Line | undefined {
  const end = line.length - 1;
  if (line[end] !== LF) return undefined;
  const lineEnd = line[end - 1] === CR ? LINE_END.crlf : LINE_END.lf;
  const length = line.length - lineEnd;
  if (length === 0 || length % 4 !== 0 || length > LINE_LENGTH_MAX) return undefined;
  let text = length;
  if (line[length - 1] === PAD) text = line[length - 2] === PAD ? length - 2 : length - 1;
  for (let at = 0; at < text; at++) if (ALPHABET[line[at] ?? 0] === 0) return undefined;
  const encoded = line.toString("latin1", 0, length);
  const octets = Buffer.from(encoded, "base64");
  const padded = text < length;
  return padded && octets.toString("base64") !== encoded ? undefined : { length, lineEnd, padded, octets };
}

/** The octets in base64, in lines. */
export function formatBase64Lines(octets: Uint8Array, lineLength: number, lineEnd: LineEnd): Buffer {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("base64");
  const end = LINE_ENDS[lineEnd];
  // Strings put together natively: copying each line from buffer to buffer takes twice as long, octet by octet five times.
  let lines = "";
  for (let from = 0; from < text.length; from += lineLength) lines += text.slice(from, from + lineLength) + end;
  return Buffer.from(lines, "latin1");
}

/** How many lines of this length and end follow each other from there on, at most so many; whether they are base64 is not looked at. */
export function countLines(octets: Buffer, at: number, lineLength: number, lineEnd: LineEnd, most: number): number {
  const stride = lineLength + lineEnd;
  const limit = Math.min(most, Math.floor((octets.length - at) / stride));
  for (let line = 0, last = at + stride - 1; line < limit; line++, last += stride)
    if (octets[last] !== LF || (lineEnd === LINE_END.crlf && octets[last - 1] !== CR)) return line;
  return limit;
}

/**
 * Writes what that many lines of this length stand for, which are as `countLines` found them; false where one of them is no
 * base64 without padding.
 */
export function decodeLines(
  octets: Buffer,
  at: number,
  lineLength: number,
  lineEnd: LineEnd,
  lines: number,
  to: Buffer,
): boolean {
  const text = octets.subarray(at, at + lines * (lineLength + lineEnd));
  // The decoder passes over whatever is not of the alphabet, and takes that of URLs, too: where as much comes out as all
  // characters but the line ends stand for, there was nothing else among them.
  return (
    to.write(text.toString("latin1"), "base64") === decodedLength(lines * lineLength) &&
    !text.includes(HYPHEN) &&
    !text.includes(UNDERSCORE)
  );
}

/** Characters of so many octets, with padding. */
export function encodedLength(octets: number): number {
  return Math.ceil(octets / 3) * 4;
}

/** Octets that so many characters without padding stand for. */
export function decodedLength(characters: number): number {
  return (characters / 4) * 3;
}
