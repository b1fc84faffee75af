import type { Duplex } from "node:stream";

/** The client is gone, or was silent for too long; the session ends without another word. */
export class ConnectionClosed extends Error {
  override name = "ConnectionClosed";
}

/** A line was longer than the bound; it was read to its end and dropped. `start` holds its first octets. */
export class LineTooLong extends Error {
  override name = "LineTooLong";
  readonly start: string;

  constructor(start: string) {
    super("line too long");
    this.start = start;
  }
}

/** Octets that may wait unread before the socket is paused: TCP then makes the client wait. */
const HIGH_WATER = 128 * 1024;
const LF = 10;

/** What the client sends, read as lines and counted octets; never holds more than the bound of a line and one packet. */
export class Input {
  readonly #stream: Duplex;
  #chunks: Buffer[] = [];
  #size = 0;
  #ended = false;
  #received = 0;
  #wake: (() => void) | undefined;
  readonly #onData = (chunk: Buffer) => {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    this.#received += chunk.length;
    if (this.#size > HIGH_WATER) this.#stream.pause();
    this.#notify();
  };
  readonly #onEnd = () => {
    this.#ended = true;
    this.#notify();
  };

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on("data", this.#onData);
    stream.on("end", this.#onEnd);
    stream.on("close", this.#onEnd);
  }

  /** Octets that came so far. */
  get received(): number {
    return this.#received;
  }

  /** Lets go of the stream; what was not read is forgotten. */
  detach(): void {
    this.#stream.off("data", this.#onData);
    this.#stream.off("end", this.#onEnd);
    this.#stream.off("close", this.#onEnd);
    this.#stream.pause();
    this.#chunks = [];
    this.#size = 0;
  }

  /** Puts a line back, to be read again. */
  unread(line: string): void {
    const chunk = Buffer.from(`${line}\r\n`, "latin1");
    this.#chunks.unshift(chunk);
    this.#size += chunk.length;
  }

  /**
   * The next line without its end, one octet per character; undefined at the end of the connection. A bare LF ends
   * a line too: people type into `nc`.
   * @throws LineTooLong
   */
  async line(limit: number): Promise<string | undefined> {
    const parts: Buffer[] = [];
    let length = 0;
    let start: string | undefined;
    for (;;) {
      const chunk = await this.#next();
      if (chunk === undefined) return undefined;
      const end = chunk.indexOf(LF);
      const part = end < 0 ? chunk : chunk.subarray(0, end);
      if (end >= 0 && end + 1 < chunk.length) this.#putBack(chunk.subarray(end + 1));
      length += part.length;
      if (start === undefined) {
        parts.push(part);
        if (length > limit) {
          start = Buffer.concat(parts).toString("latin1", 0, 200);
          parts.length = 0;
        }
      } else if (length > limit * 64) {
        throw new ConnectionClosed("endless line");
      }
      if (end < 0) continue;
      if (start !== undefined) throw new LineTooLong(start);
      const line = (parts.length === 1 ? part : Buffer.concat(parts)).toString("latin1");
      return line.endsWith("\r") ? line.slice(0, -1) : line;
    }
  }

  /** Exactly so many octets in pieces, as they come. @throws ConnectionClosed */
  async *octets(count: number): AsyncGenerator<Buffer, void> {
    for (let left = count; left > 0; ) {
      const chunk = await this.#next();
      if (chunk === undefined) throw new ConnectionClosed("the connection ended inside a literal");
      if (chunk.length > left) this.#putBack(chunk.subarray(left));
      const piece = chunk.length > left ? chunk.subarray(0, left) : chunk;
      left -= piece.length;
      yield piece;
    }
  }

  #putBack(chunk: Buffer): void {
    this.#chunks.unshift(chunk);
    this.#size += chunk.length;
  }

  async #next(): Promise<Buffer | undefined> {
    while (this.#chunks.length === 0) {
      if (this.#ended) return undefined;
      this.#stream.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const chunk = this.#chunks.shift() as Buffer;
    this.#size -= chunk.length;
    return chunk;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
