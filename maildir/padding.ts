import { padme } from "../foundation/padme.ts";
import { SMALLEST_PLAINTEXT } from "./limits.ts";

/** What a message's file says of itself behind the message, so that nothing is lost with the index. */
export interface Trailer {
  /** Octets of the message. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly internalDate: number;
  /** EMAILID: 16 characters of base32. */
  readonly emailId: string;
}

const LINE_END = "\r\n";
const SPACES_PER_LINE = 76;
const NUMBER_DIGITS = 16;

/** Octets of the trailer, always the last ones of the plaintext. */
export const TRAILER_SIZE = encodeTrailer({ size: 0, internalDate: 0, emailId: "a".repeat(16) }).length;

function encodeTrailer({ size, internalDate, emailId }: Trailer): Buffer {
  const number = (value: number): string => String(Math.max(0, Math.trunc(value))).padStart(NUMBER_DIGITS, "0");
  return Buffer.from(
    `Postern-Trailer: v=1; size=${number(size)}; date=${number(internalDate)}; id=${emailId}${LINE_END}`,
    "latin1",
  );
}

/** Octets of plaintext that a message of this size becomes. */
export function paddedSize(messageSize: number): number {
  return padme(Math.max(SMALLEST_PLAINTEXT, messageSize + LINE_END.length + TRAILER_SIZE));
}

/** What follows a message in its file: a line end, lines of spaces, the trailer. Pieces of at most 64 KiB. */
export function* padding(trailer: Trailer): Generator<Buffer> {
  yield Buffer.from(LINE_END, "latin1");
  let rest = paddedSize(trailer.size) - trailer.size - LINE_END.length - TRAILER_SIZE;
  const line = SPACES_PER_LINE + LINE_END.length;
  const odd = rest % line;
  if (odd > 0) yield Buffer.from(odd < LINE_END.length ? " " : " ".repeat(odd - LINE_END.length) + LINE_END, "latin1");
  rest -= odd;
  const lines = Buffer.from((" ".repeat(SPACES_PER_LINE) + LINE_END).repeat(Math.min(rest / line, 840)), "latin1");
  for (; rest > 0; rest -= lines.length) yield lines.subarray(0, rest);
  yield encodeTrailer(trailer);
}

/** Reads the last TRAILER_SIZE octets of a plaintext of that size; undefined where they are no trailer, or of another file. */
export function decodeTrailer(octets: Uint8Array, plaintextSize: number): Trailer | undefined {
  const text = Buffer.from(octets).toString("latin1");
  const match = /^Postern-Trailer: v=1; size=(\d{16}); date=(\d{16}); id=([a-z2-7]{16})\r\n$/.exec(text);
  if (match === null) return undefined;
  const trailer = { size: Number(match[1]), internalDate: Number(match[2]), emailId: match[3] ?? "" };
  return paddedSize(trailer.size) === plaintextSize ? trailer : undefined;
}
