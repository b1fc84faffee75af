import { LINE_END, type LineEnd } from "./container.ts";
import { LINE_LENGTH_MAX } from "./limits.ts";

const CR = 13;
const LF = 10;
const PAD = 61;

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
  const lines = Math.ceil(text.length / lineLength);
  const formatted = Buffer.allocUnsafe(text.length + lines * lineEnd);
  const source = Buffer.from(text, "latin1");
  let to = 0;
  for (let from = 0; from < source.length; from += lineLength) {
    to += source.copy(formatted, to, from, from + lineLength);
    if (lineEnd === LINE_END.crlf) formatted[to++] = CR;
    formatted[to++] = LF;
  }
  return formatted;
}
