import { BoundedBuffer } from "../../foundation/bounded-buffer.ts";
import { LineSplitter } from "../../mime/line-splitter.ts";
import { type Base64Line, base64Line, breakLines } from "./base64-lines.ts";
import { type LineEnd, SEGMENT } from "./container.ts";
import { RUN_TEXT_MAX, RUN_TEXT_MIN, SEGMENT_MAX } from "./limits.ts";

/** Base64 lines in a row that have one length and one line end. */
interface Run {
  readonly lineLength: number;
  readonly lineEnd: LineEnd;
  readonly text: BoundedBuffer;
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
    this.#lines.push(chunk);
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

  #take(piece: Buffer): void {
    const line = this.#atLineStart ? base64Line(piece) : undefined;
    this.#atLineStart = piece[piece.length - 1] === 10;
    if (this.#run !== undefined && !(line !== undefined && fits(line, this.#run))) this.#endRun();
    if (line === undefined) {
      this.#addLiteral(piece);
      return;
    }
    this.#run ??= {
      lineLength: line.length,
      lineEnd: line.lineEnd,
      text: new BoundedBuffer(Math.floor(RUN_TEXT_MAX / line.length) * line.length),
      begun: false,
    };
    const run = this.#run;
    run.text.append(piece, 0, line.length);
    if (line.padded || line.length < run.lineLength) this.#endRun();
    else if (run.text.full) this.#writeRun(run);
  }

  #endRun(): void {
    const run = this.#run;
    this.#run = undefined;
    if (run !== undefined && run.text.length > 0) this.#writeRun(run);
  }

  #writeRun(run: Run): void {
    const text = run.text.bytes().toString("latin1");
    run.text.clear();
    const octets = Buffer.from(text, "base64");
    if ((!run.begun && text.length < RUN_TEXT_MIN) || octets.toString("base64") !== text) {
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
