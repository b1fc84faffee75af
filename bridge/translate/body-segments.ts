import { BoundedBuffer } from "../../foundation/bounded-buffer.ts";
import { LineSplitter } from "../../mime/line-splitter.ts";
import { type Base64Line, base64Line, breakLines, countLines, decodeCanonical, joinLines } from "./base64-lines.ts";
import { type LineEnd, SEGMENT } from "./container.ts";
import { RUN_TEXT_MAX, RUN_TEXT_MIN, SEGMENT_MAX } from "./limits.ts";

const LF = 10;

/** Base64 lines in a row that have one length and one line end. */
interface Run {
  readonly lineLength: number;
  readonly lineEnd: LineEnd;
  /** Octets of text in one segment: whole lines. */
  readonly segment: number;
  /** Of the lines that are not written yet, without their ends. */
  text: string;
  /** Some of it was taken many lines at a time, and may be no base64. */
  unchecked: boolean;
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
      const room = (run.segment - run.text.length) / lineLength;
      const lines = countLines(octets, at, lineLength, lineEnd, room);
      if (lines === 0) break;
      const text = joinLines(octets, at, lineLength, lineEnd, lines);
      const end = at + lines * (lineLength + lineEnd);
      if (text === undefined) this.#lines.push(octets.subarray(at, end));
      else {
        run.text += text;
        run.unchecked = true;
        if (run.text.length === run.segment) this.#writeRun(run);
      }
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
    this.#run ??= {
      lineLength: line.length,
      lineEnd: line.lineEnd,
      segment: Math.floor(RUN_TEXT_MAX / line.length) * line.length,
      text: "",
      unchecked: false,
      begun: false,
    };
    const run = this.#run;
    run.text += piece.toString("latin1", 0, line.length);
    if (line.padded || line.length < run.lineLength) this.#endRun();
    else if (run.text.length === run.segment) this.#writeRun(run);
  }

  #endRun(): void {
    for (let run = this.#run; run !== undefined && run.text !== ""; run = this.#run) this.#writeRun(run);
    this.#run = undefined;
  }

  #writeRun(run: Run): void {
    const { text, unchecked } = run;
    const octets = decodeCanonical(text);
    run.text = "";
    run.unchecked = false;
    if (octets === undefined && unchecked) return this.#takeAgain(breakLines(text, run.lineLength, run.lineEnd));
    if (octets === undefined || (!run.begun && text.length < RUN_TEXT_MIN)) {
      this.#addLiteral(breakLines(text, run.lineLength, run.lineEnd));
      return;
    }
    this.#flushLiteral();
    run.begun = true;
    const head = Buffer.allocUnsafe(8);
    head[0] = SEGMENT.base64;
    head.writeUInt16BE(run.lineLength, 1);
    head[3] = run.lineEnd;
    head.writeUInt32BE(octets.length, 4);
    this.#written.push(head, octets);
  }

  /** Not all of these lines are base64: one by one, they show which. */
  #takeAgain(lines: Buffer): void {
    const atLineStart = this.#atLineStart;
    this.#atLineStart = true;
    for (let at = 0; at < lines.length; ) {
      const end = lines.indexOf(LF, at) + 1;
      this.#take(lines.subarray(at, end));
      at = end;
    }
    this.#atLineStart = atLineStart;
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
