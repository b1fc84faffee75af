import { formatBase64Lines } from "./base64-lines.ts";
import { LINE_END, MAGIC, MalformedOverlayMessage, SEGMENT, VERSION } from "./container.ts";
import { HEADER_MAX, LINE_LENGTH_MAX, SEGMENT_MAX } from "./limits.ts";

const NOTHING = Buffer.alloc(0);
/** Octets before the header. */
const HEAD = MAGIC.length + 1 + 4;

/** Takes an overlay message apart, whatever pieces it comes in: first the header, then the body. */
class ContainerParser {
  #pieces: Buffer[] = [];
  #length = 0;

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
    this.#length += piece.length;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** The fields, without the empty line; undefined where more has to come. @throws MalformedOverlayMessage */
  header(): Buffer | undefined {
    const head = this.#look(HEAD);
    if (this.#look(MAGIC.length)?.subarray(0, MAGIC.length).equals(MAGIC) === false)
      throw new MalformedOverlayMessage("not an overlay message");
    if (head === undefined) return undefined;
    const version = head[MAGIC.length];
    if (version !== VERSION) throw new MalformedOverlayMessage(`version ${version} is not known`);
    const length = head.readUInt32BE(MAGIC.length + 1);
    if (length > HEADER_MAX) throw new MalformedOverlayMessage("the header is too long");
    return this.#take(HEAD, length);
  }

  /** The next of the body, at most 128 KiB; undefined where more has to come. @throws MalformedOverlayMessage */
  segment(): Buffer | "end" | undefined {
    const [kind] = this.#look(1) ?? [];
    switch (kind) {
      case undefined:
        return undefined;
      case SEGMENT.literal:
        return this.#octets(1);
      case SEGMENT.base64:
        return this.#base64();
      case SEGMENT.end:
        this.#take(0, 1);
        return "end";
      default:
        throw new MalformedOverlayMessage("an unknown kind of segment");
    }
  }

  #base64(): Buffer | undefined {
    const head = this.#look(4);
    if (head === undefined) return undefined;
    const lineLength = head.readUInt16BE(1);
    const lineEnd = head[3];
    if (lineLength === 0 || lineLength % 4 !== 0 || lineLength > LINE_LENGTH_MAX)
      throw new MalformedOverlayMessage("a line length that cannot be");
    if (lineEnd !== LINE_END.lf && lineEnd !== LINE_END.crlf) throw new MalformedOverlayMessage("an unknown line end");
    const octets = this.#octets(4);
    return octets && formatBase64Lines(octets, lineLength, lineEnd);
  }

  /** The octets whose length stands there. */
  #octets(at: number): Buffer | undefined {
    const head = this.#look(at + 4);
    if (head === undefined) return undefined;
    const length = head.readUInt32BE(at);
    if (length === 0 || length > SEGMENT_MAX) throw new MalformedOverlayMessage("a segment's length is out of bounds");
    return this.#take(at + 4, length);
  }

  /** So many octets from there on; they and what is before them are done with. */
  #take(at: number, length: number): Buffer | undefined {
    const first = this.#look(at + length);
    if (first === undefined) return undefined;
    const octets = first.subarray(at, at + length);
    const rest = first.subarray(at + length);
    if (rest.length > 0) this.#pieces[0] = rest;
    else this.#pieces.shift();
    this.#length -= at + length;
    return octets;
  }

  /** What is pending, at least so much of it, in one piece. */
  #look(length: number): Buffer | undefined {
    if (this.#length < length) return undefined;
    const [first = NOTHING] = this.#pieces;
    if (first.length >= length) return first;
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }
}

/** Reads an overlay message: first the header, then the body. Errors of the content itself pass through. */
export class ContainerReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #parser = new ContainerParser();

  constructor(content: AsyncIterable<Uint8Array>) {
    this.#chunks = content[Symbol.asyncIterator]();
  }

  /** The fields, without the empty line. @throws MalformedOverlayMessage */
  header(): Promise<Buffer> {
    return this.#next(() => this.#parser.header());
  }

  /** The body in pieces of at most 128 KiB. @throws MalformedOverlayMessage */
  async *body(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const segment = await this.#next(() => this.#parser.segment());
      if (segment === "end") break;
      yield segment;
    }
    while (this.#parser.isEmpty) if (!(await this.#more())) return;
    throw new MalformedOverlayMessage("something follows the end");
  }

  /** Tells the content that no more of it is wanted. */
  async cancel(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #next<T>(parse: () => T | undefined): Promise<T> {
    for (;;) {
      const found = parse();
      if (found !== undefined) return found;
      if (!(await this.#more())) throw new MalformedOverlayMessage("the message ends too early");
    }
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    this.#parser.push(next.value);
    return true;
  }
}

/** The same of a message that is there whole. @throws MalformedOverlayMessage */
export function readContainer(message: Uint8Array): { readonly header: Buffer; readonly body: readonly Buffer[] } {
  const parser = new ContainerParser();
  parser.push(message);
  const header = whole(parser.header());
  const body: Buffer[] = [];
  for (;;) {
    const segment = whole(parser.segment());
    if (segment === "end") break;
    body.push(segment);
  }
  if (!parser.isEmpty) throw new MalformedOverlayMessage("something follows the end");
  return { header, body };
}

function whole<T>(found: T | undefined): T {
  if (found === undefined) throw new MalformedOverlayMessage("the message ends too early");
  return found;
}
