import { LineSplitter } from "../../mime/line-splitter.ts";
import { type Base64Line, base64Line, breakLines } from "./base64-lines.ts";
import { type LineEnd, SEGMENT } from "./container.ts";
import { RUN_TEXT_MAX, RUN_TEXT_MIN, SEGMENT_MAX } from "./limits.ts";

/** Base64 lines in a row that have one length and one line end. */
interface Run {
  readonly lineLength: number;
  readonly lineEnd: LineEnd;
  readonly text: Buffer;
  length: number;
  /** A segment of this run was written already: the rest is worth one, however short. */
  begun: boolean;
}

/**
 * Cuts a body into segments, whatever its MIME structure is: runs of base64 lines become binary, all else stays as it
 * is. A run is replaced only if encoding it again gives the very same text, so the body comes out octet for octet.
 */
export class BodySegments {
  readonly #lines = new LineSplitter((piece) => this.#take(piece));
  readonly #literal = Buffer.allocUnsafe(SEGMENT_MAX);
  #literalLength = 0;
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
      text: Buffer.allocUnsafe(Math.floor(RUN_TEXT_MAX / line.length) * line.length),
      length: 0,
      begun: false,
    };
    const run = this.#run;
    run.length += piece.copy(run.text, run.length, 0, line.length);
    if (line.padded || line.length < run.lineLength) this.#endRun();
    else if (run.length === run.text.length) this.#writeRun(run);
  }

  #endRun(): void {
    const run = this.#run;
    this.#run = undefined;
    if (run !== undefined && run.length > 0) this.#writeRun(run);
  }

  #writeRun(run: Run): void {
    const text = run.text.toString("latin1", 0, run.length);
    run.length = 0;
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
      const taken = octets.copy(this.#literal, this.#literalLength, at);
      at += taken;
      this.#literalLength += taken;
      if (this.#literalLength === SEGMENT_MAX) this.#flushLiteral();
    }
  }

  #flushLiteral(): void {
    if (this.#literalLength === 0) return;
    const segment = Buffer.allocUnsafe(5 + this.#literalLength);
    segment[0] = SEGMENT.literal;
    segment.writeUInt32BE(this.#literalLength, 1);
    this.#literal.copy(segment, 5, 0, this.#literalLength);
    this.#literalLength = 0;
    this.#written.push(segment);
  }
}

function fits(line: Base64Line, run: Run): boolean {
  return line.lineEnd === run.lineEnd && line.length <= run.lineLength;
}
