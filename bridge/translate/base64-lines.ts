import { LINE_END, type LineEnd } from "./container.ts";
import { LINE_LENGTH_MAX } from "./limits.ts";

const CR = 13;
const LF = 10;
const PAD = 61;

const LINE_ENDS = { [LINE_END.lf]: "\n", [LINE_END.crlf]: "\r\n" } as const;

const ALPHABET = new Uint8Array(256);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  ALPHABET[character.charCodeAt(0)] = 1;

/** A line that looks like base64: its text's length in octets, its end, and whether it can only be the last of a run. */
export interface Base64Line {
  readonly length: number;
  readonly lineEnd: LineEnd;
  readonly padded: boolean;
}

/** Whether a whole line, with its end, can be one of a run; that its bits are canonical is not looked at here. */
export function base64Line(line: Buffer): Base64Line | undefined {
  const end = line.length - 1;
  if (line[end] !== LF) return undefined;
  const lineEnd = line[end - 1] === CR ? LINE_END.crlf : LINE_END.lf;
  const length = line.length - lineEnd;
  if (length === 0 || length % 4 !== 0 || length > LINE_LENGTH_MAX) return undefined;
  let text = length;
  if (line[length - 1] === PAD) text = line[length - 2] === PAD ? length - 2 : length - 1;
  for (let at = 0; at < text; at++) if (ALPHABET[line[at] ?? 0] === 0) return undefined;
  return { length, lineEnd, padded: text < length };
}

/** The octets in base64, in lines. */
export function formatBase64Lines(octets: Uint8Array, lineLength: number, lineEnd: LineEnd): Buffer {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("base64");
  return breakLines(text, lineLength, lineEnd);
}

/** Base64 text in lines, each with its end. */
export function breakLines(text: string, lineLength: number, lineEnd: LineEnd): Buffer {
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

/** The texts of that many lines one behind the other; undefined where one of them has a line end inside. */
export function joinLines(
  octets: Buffer,
  at: number,
  lineLength: number,
  lineEnd: LineEnd,
  lines: number,
): string | undefined {
  const text = octets.toString("latin1", at, at + lines * (lineLength + lineEnd)).replaceAll(LINE_ENDS[lineEnd], "");
  return text.length === lines * lineLength ? text : undefined;
}

/** What a text in base64 stands for; undefined where that, encoded again, is another text. */
export function decodeCanonical(text: string): Buffer | undefined {
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64") === text ? octets : undefined;
}
