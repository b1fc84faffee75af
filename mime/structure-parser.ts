import { type ContentFields, contentFieldsOf } from "./content-fields.ts";
import { envelopeOf } from "./envelope.ts";
import { headerFields } from "./header.ts";
import { MIME_LIMITS, type MimeLimits } from "./limits.ts";
import { LineSplitter } from "./line-splitter.ts";
import { parameterText } from "./parameters.ts";
import type { Part } from "./part.ts";

/** A part that is still being read. */
interface OpenPart {
  readonly headerStart: number;
  /** The message itself or one inside a message/rfc822: it gets an envelope. */
  readonly isMessage: boolean;
  readonly inDigest: boolean;
  header: Buffer[];
  headerLength: number;
  /** Known once the header has ended. */
  body: { readonly start: number; readonly lineEndsBefore: number; readonly content: ContentFields } | undefined;
  envelope: string | undefined;
  boundary: string | undefined;
  readonly children: Part[];
  message: Part | undefined;
}

const LF = 10;
const CR = 13;
const HYPHEN = 45;

/** Longest boundary line that is looked at: RFC 2046 allows 70 octets, some programs take more, blanks may follow. */
const MAX_BOUNDARY_LINE = 2_048;

const IDENTITY_ENCODINGS: ReadonlySet<string> = new Set(["7bit", "8bit", "binary"]);

/**
 * Finds the parts of a message (RFC 2045, 2046) while it streams by; holds a header, 64 KiB and the tree, however long
 * the message is. Any octets make a tree; the result does not depend on how they were cut. A delimiter line must hold
 * the whole boundary and nothing but blanks after it, so that one boundary may begin with another.
 */
export class StructureParser {
  readonly #limits: MimeLimits;
  readonly #lines = new LineSplitter((piece) => this.#take(piece));
  readonly #open: OpenPart[] = [];
  /** Indices in #open of the multiparts that wait for this boundary, innermost last. */
  readonly #boundaries = new Map<string, number[]>();
  #parts = 0;
  #headerOctets = 0;
  /** A bound was passed: no further part begins or ends. */
  #frozen = false;
  #offset = 0;
  #lineEnds = 0;
  #atLineStart = true;
  #afterCr = false;
  /** Of the line before this one. */
  #lineEndLength = 0;
  #lineEmpty = true;
  #rootHeader: Buffer = Buffer.alloc(0);

  constructor(limits: Partial<MimeLimits> = {}) {
    this.#limits = { ...MIME_LIMITS, ...limits };
    this.#begin(0, true, false);
  }

  push(chunk: Uint8Array): void {
    const octets = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let at = 0; at < octets.length; ) {
      if (this.#atLineStart && this.#lines.atPieceStart) at = this.#passOver(octets, at);
      const end = octets.indexOf(LF, at) + 1 || octets.length;
      this.#lines.push(octets.subarray(at, end));
      at = end;
    }
  }

  /** The tree, and the message's own header with the empty line that ends it, if there is one. */
  end(): { root: Part; header: Buffer } {
    this.#lines.end();
    this.#lineEndLength = 0;
    let root: Part | undefined;
    while (this.#open.length > 0) root = this.#closeInnermost(this.#offset);
    if (root === undefined) throw new Error("end was called twice");
    return { root, header: this.#rootHeader };
  }

  /** Counts whole lines of a body that can be no delimiters, all at once; where the first begins that is none of these. */
  #passOver(octets: Buffer, start: number): number {
    if (this.#innermost.body === undefined) return start;
    const delimited = !this.#frozen && this.#boundaries.size > 0;
    let lines = 0;
    let last = start;
    let next = start;
    while (!(delimited && octets[next] === HYPHEN && octets[next + 1] === HYPHEN)) {
      const end = octets.indexOf(LF, next) + 1;
      if (end === 0) break;
      lines++;
      last = next;
      next = end;
    }
    if (lines === 0) return start;
    this.#offset += next - start;
    this.#lineEnds += lines;
    this.#lineEndLength = next - last > 1 && octets[next - 2] === CR ? 2 : 1;
    this.#lineEmpty = next - last === this.#lineEndLength;
    this.#afterCr = false;
    return next;
  }

  #take(piece: Buffer): void {
    const last = piece.length - 1;
    const complete = piece[last] === LF;
    const startsLine = this.#atLineStart;
    if (!(startsLine && this.#takeDelimiter(piece))) this.#takeHeader(piece, startsLine);
    this.#offset += piece.length;
    this.#atLineStart = complete;
    if (complete) {
      this.#lineEnds++;
      const crlf = last > 0 ? piece[last - 1] === CR : this.#afterCr;
      this.#lineEndLength = crlf ? 2 : 1;
      this.#lineEmpty = startsLine && piece.length === this.#lineEndLength;
    }
    this.#afterCr = !complete && piece[last] === CR;
  }

  #takeHeader(piece: Buffer, startsLine: boolean): void {
    for (let part = this.#innermost; part.body === undefined; part = this.#innermost) {
      const limit = this.#open.length === 1 ? this.#limits.headerOctets : this.#limits.partHeaderOctets;
      if (part.headerLength + piece.length > limit) {
        this.#endHeader(part, this.#offset, this.#lineEnds);
        continue;
      }
      part.header.push(Buffer.from(piece));
      part.headerLength += piece.length;
      if (startsLine && isEmptyLine(piece)) this.#endHeader(part, this.#offset + piece.length, this.#lineEnds + 1);
      return;
    }
  }

  #takeDelimiter(piece: Buffer): boolean {
    if (this.#frozen || this.#boundaries.size === 0 || piece[0] !== HYPHEN || piece[1] !== HYPHEN) return false;
    if (piece.length > MAX_BOUNDARY_LINE) return false;
    const text = piece.toString("latin1", 2).trimEnd();
    const opening = this.#boundaries.get(text)?.at(-1) ?? -1;
    const closing = text.endsWith("--") ? (this.#boundaries.get(text.slice(0, -2))?.at(-1) ?? -1) : -1;
    if (opening < 0 && closing < 0) return false;
    if (opening > closing && this.#isFull()) {
      this.#frozen = true;
      return false;
    }
    const index = Math.max(opening, closing);
    this.#closeAbove(index);
    const multipart = this.#innermost;
    if (closing > opening) this.#forgetBoundary(multipart);
    else this.#begin(this.#offset + piece.length, false, multipart.body?.content.subtype === "digest");
    return true;
  }

  #isFull(): boolean {
    return this.#parts >= this.#limits.parts || this.#headerOctets > this.#limits.allHeaderOctets;
  }

  #begin(headerStart: number, isMessage: boolean, inDigest: boolean): void {
    this.#parts++;
    this.#open.push({
      headerStart,
      isMessage,
      inDigest,
      header: [],
      headerLength: 0,
      body: undefined,
      envelope: undefined,
      boundary: undefined,
      children: [],
      message: undefined,
    });
  }

  #endHeader(part: OpenPart, bodyStart: number, lineEndsBefore: number): void {
    const header = Buffer.concat(part.header, part.headerLength);
    part.header = [];
    this.#headerOctets += header.length;
    if (this.#open.length === 1) this.#rootHeader = header;
    const fields = [...headerFields(header)];
    const content = contentFieldsOf(fields, part.inDigest);
    part.body = { start: bodyStart, lineEndsBefore, content };
    if (part.isMessage) part.envelope = envelopeOf(fields);
    if (this.#frozen || this.#open.length >= this.#limits.depth) return;
    if (content.type === "multipart") this.#expectBoundary(part, content);
    else if (isMessageType(content) && !this.#isFull()) this.#begin(bodyStart, true, false);
  }

  #expectBoundary(part: OpenPart, content: ContentFields): void {
    const plain = content.parameters.find(([name]) => name.toLowerCase() === "boundary")?.[1];
    const boundary = (plain ?? parameterText(content.parameters, "boundary") ?? "").trimEnd();
    if (boundary === "") return;
    part.boundary = boundary;
    const waiting = this.#boundaries.get(boundary);
    if (waiting === undefined) this.#boundaries.set(boundary, [this.#open.length - 1]);
    else waiting.push(this.#open.length - 1);
  }

  #forgetBoundary(part: OpenPart): void {
    if (part.boundary === undefined) return;
    const waiting = this.#boundaries.get(part.boundary);
    waiting?.pop();
    if (waiting?.length === 0) this.#boundaries.delete(part.boundary);
    part.boundary = undefined;
  }

  #closeAbove(index: number): void {
    let end = this.#offset - this.#lineEndLength;
    while (this.#open.length > index + 1) end = this.#closeInnermost(end).bodyEnd;
  }

  /** The end is moved back to where the body begins, if the line end before the delimiter ends the header. */
  #closeInnermost(end: number): Part {
    for (let part = this.#innermost; part.body === undefined; part = this.#innermost)
      this.#endHeader(part, this.#offset, this.#lineEnds);
    const { headerStart, body, envelope, children, message } = this.#innermost;
    if (body === undefined) throw new Error("a part without a header was closed");
    this.#forgetBoundary(this.#innermost);
    this.#open.pop();
    const bodyEnd = Math.max(end, body.start, message?.bodyEnd ?? 0, children.at(-1)?.bodyEnd ?? 0);
    const part: Part = {
      headerStart,
      bodyStart: body.start,
      bodyEnd,
      lines: this.#linesOf(body.start, bodyEnd, body.lineEndsBefore),
      ...body.content,
      ...(children.length > 0 && { children }),
      ...(message !== undefined && { message }),
      ...(envelope !== undefined && { envelope }),
    };
    const parent = this.#open.at(-1);
    if (parent?.body?.content.type === "multipart") parent.children.push(part);
    else if (parent !== undefined) parent.message = part;
    return part;
  }

  #linesOf(bodyStart: number, bodyEnd: number, lineEndsBefore: number): number {
    if (bodyStart === bodyEnd) return 0;
    const ended = this.#lineEnds - lineEndsBefore;
    if (bodyEnd < this.#offset) return ended - (this.#lineEmpty ? 1 : 0);
    return ended + (this.#atLineStart ? 0 : 1);
  }

  get #innermost(): OpenPart {
    const part = this.#open.at(-1);
    if (part === undefined) throw new Error("the message has ended");
    return part;
  }
}

function isEmptyLine(piece: Buffer): boolean {
  return piece[0] === LF || (piece[0] === CR && piece[1] === LF);
}

function isMessageType({ type, subtype, encoding }: ContentFields): boolean {
  return type === "message" && (subtype === "rfc822" || subtype === "global") && IDENTITY_ENCODINGS.has(encoding);
}
