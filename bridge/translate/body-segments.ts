import { BoundedBuffer } from "../../foundation/bounded-buffer.ts";
import { LineSplitter } from "../../mime/line-splitter.ts";
import {
  type Base64Line,
  base64Line,
  countLines,
  decodedLength,
  decodeLines,
  encodedLength,
  formatBase64Lines,
} from "./base64-lines.ts";
import { type LineEnd, SEGMENT } from "./container.ts";
import { RUN_TEXT_MAX, RUN_TEXT_MIN, SEGMENT_MAX } from "./limits.ts";

const LF = 10;

/** Base64 lines in a row that have one length and one line end. */
interface Run {
  readonly lineLength: number;
  readonly lineEnd: LineEnd;
  /** Octets that one segment stands for: whole lines. */
  readonly segment: number;
  /** A segment of this run was written already: the rest is worth one, however short. */
  begun: boolean;
}

/**
 * Cuts a body into segments, whatever its MIME structure is: runs of base64 lines become binary, all else stays as it
 * is. A run is replaced only if encoding it again gives the very same text, so the body comes out octet for octet.
 */
export class BodySegments {
  readonly #lines = new LineSplitter((piece) => this.#take(piece));
  readonly #literal = new BoundedBuffer(SEGMENT_MAX);
  #run: Run | undefined;
  /** What the lines of the run that are not written yet stand for. */
  readonly #octets = new BoundedBuffer(decodedLength(RUN_TEXT_MAX));
  /** False behind the first piece of a very long line. */
  #atLineStart = true;
  #written: Buffer[] = [];

  /** Takes a chunk; the segments that are ready by now. */
  push(chunk: Uint8Array): Buffer[] {
    const octets = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let at = 0; at < octets.length; ) {
      at = this.#takeLines(octets, at);
      // What is no whole line like those before it: to the next line end, or as far as there is something.
      const end = this.#run === undefined ? octets.length : octets.indexOf(LF, at) + 1 || octets.length;
      this.#lines.push(octets.subarray(at, end));
      at = end;
    }
    return this.#handOver();
  }

  /** The last segments, and the end. */
  end(): Buffer[] {
    this.#lines.end();
    this.#endRun();
    this.#flushLiteral();
    this.#written.push(Buffer.of(SEGMENT.end));
    return this.#handOver();
  }

  #handOver(): Buffer[] {
    const written = this.#written;
    this.#written = [];
    return written;
  }

  /** Takes whole lines that continue the run, many at a time; where the first one begins that does not. */
  #takeLines(octets: Buffer, start: number): number {
    let at = start;
    for (let run = this.#run; run !== undefined && this.#lines.atPieceStart; run = this.#run) {
      const { lineLength, lineEnd } = run;
      const room = (run.segment - this.#octets.length) / decodedLength(lineLength);
      const lines = countLines(octets, at, lineLength, lineEnd, room);
      if (lines === 0) break;
      const end = at + lines * (lineLength + lineEnd);
      const decode = (to: Buffer) => decodeLines(octets, at, lineLength, lineEnd, lines, to);
      if (!this.#octets.extend(decodedLength(lines * lineLength), decode)) this.#lines.push(octets.subarray(at, end));
      else if (this.#octets.length === run.segment) this.#writeRun(run);
      at = end;
    }
    return at;
  }

  #take(piece: Buffer): void {
    const line = this.#atLineStart ? base64Line(piece) : undefined;
    this.#atLineStart = piece[piece.length - 1] === LF;
    if (this.#run !== undefined && !(line !== undefined && fits(line, this.#run))) this.#endRun();
    if (line === undefined) {
      this.#addLiteral(piece);
      return;
    }
    this.#run ??= newRun(line);
    const run = this.#run;
    this.#octets.append(line.octets);
    if (line.padded || line.length < run.lineLength) this.#endRun();
    else if (this.#octets.length === run.segment) this.#writeRun(run);
  }

  #endRun(): void {
    if (this.#run !== undefined && this.#octets.length > 0) this.#writeRun(this.#run);
    this.#run = undefined;
  }

  #writeRun(run: Run): void {
    const { lineLength, lineEnd } = run;
    const bytes = this.#octets.bytes();
    if (!run.begun && encodedLength(bytes.length) < RUN_TEXT_MIN) {
      this.#addLiteral(formatBase64Lines(bytes, lineLength, lineEnd));
    } else {
      this.#flushLiteral();
      run.begun = true;
      const segment = Buffer.allocUnsafe(8 + bytes.length);
      segment[0] = SEGMENT.base64;
      segment.writeUInt16BE(lineLength, 1);
      segment[3] = lineEnd;
      segment.writeUInt32BE(bytes.length, 4);
      segment.set(bytes, 8);
      this.#written.push(segment);
    }
    this.#octets.clear();
  }

  #addLiteral(octets: Buffer): void {
    for (let at = 0; at < octets.length; ) {
      at += this.#literal.append(octets, at);
      if (this.#literal.full) this.#flushLiteral();
    }
  }

  #flushLiteral(): void {
    const { length } = this.#literal;
    if (length === 0) return;
    const segment = Buffer.allocUnsafe(5 + length);
    segment[0] = SEGMENT.literal;
    segment.writeUInt32BE(length, 1);
    this.#literal.bytes().copy(segment, 5);
    this.#literal.clear();
    this.#written.push(segment);
  }
}

function fits(line: Base64Line, run: Run): boolean {
  return line.lineEnd === run.lineEnd && line.length <= run.lineLength;
}

function newRun({ length, lineEnd }: Base64Line): Run {
  const lines = Math.floor(RUN_TEXT_MAX / length);
  return { lineLength: length, lineEnd, segment: lines * decodedLength(length), begun: false };
}
