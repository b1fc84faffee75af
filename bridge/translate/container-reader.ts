import { formatBase64Lines } from "./base64-lines.ts";
import { LINE_END, MAGIC, MalformedOverlayMessage, SEGMENT, VERSION } from "./container.ts";
import { HEADER_MAX, LINE_LENGTH_MAX, SEGMENT_MAX } from "./limits.ts";

/** Reads an overlay message: first the header, then the body. Errors of the content itself pass through. */
export class ContainerReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #pending: Buffer = Buffer.alloc(0);

  constructor(content: AsyncIterable<Uint8Array>) {
    this.#chunks = content[Symbol.asyncIterator]();
  }

  /** The fields, without the empty line. @throws MalformedOverlayMessage */
  async header(): Promise<Buffer> {
    if (!(await this.#read(MAGIC.length)).equals(MAGIC)) throw new MalformedOverlayMessage("not an overlay message");
    const [version] = await this.#read(1);
    if (version !== VERSION) throw new MalformedOverlayMessage(`version ${version} is not known`);
    const length = (await this.#read(4)).readUInt32BE();
    if (length > HEADER_MAX) throw new MalformedOverlayMessage("the header is too long");
    return this.#read(length);
  }

  /** The body in pieces of at most 128 KiB. @throws MalformedOverlayMessage */
  async *body(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const [kind] = await this.#read(1);
      if (kind === SEGMENT.literal) yield await this.#read(await this.#length());
      else if (kind === SEGMENT.base64) yield await this.#base64();
      else if (kind === SEGMENT.end) break;
      else throw new MalformedOverlayMessage("an unknown kind of segment");
    }
    if (this.#pending.length > 0 || (await this.#more()))
      throw new MalformedOverlayMessage("something follows the end");
  }

  /** Tells the content that no more of it is wanted. */
  async cancel(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #base64(): Promise<Buffer> {
    const head = await this.#read(3);
    const lineLength = head.readUInt16BE();
    const lineEnd = head[2];
    if (lineLength === 0 || lineLength % 4 !== 0 || lineLength > LINE_LENGTH_MAX)
      throw new MalformedOverlayMessage("a line length that cannot be");
    if (lineEnd !== LINE_END.lf && lineEnd !== LINE_END.crlf) throw new MalformedOverlayMessage("an unknown line end");
    return formatBase64Lines(await this.#read(await this.#length()), lineLength, lineEnd);
  }

  async #length(): Promise<number> {
    const length = (await this.#read(4)).readUInt32BE();
    if (length === 0 || length > SEGMENT_MAX) throw new MalformedOverlayMessage("a segment's length is out of bounds");
    return length;
  }

  async #read(length: number): Promise<Buffer> {
    if (this.#pending.length < length) {
      const pieces = [this.#pending];
      for (let have = this.#pending.length; have < length; have += this.#pending.length) {
        if (!(await this.#more())) throw new MalformedOverlayMessage("the message ends too early");
        pieces.push(this.#pending);
      }
      this.#pending = Buffer.concat(pieces);
    }
    const octets = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    return octets;
  }

  /** Puts the next chunk in the place of what was pending; false at the end. */
  async #more(): Promise<boolean> {
    for (;;) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      const { value } = next;
      if (value.length === 0) continue;
      this.#pending = Buffer.from(value.buffer, value.byteOffset, value.length);
      return true;
    }
  }
}
