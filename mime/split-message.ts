import { Failure } from "../foundation/failure.ts";
import { MIME_LIMITS } from "./limits.ts";

const LF = 10;
const CR = 13;

/** A name (ftext of RFC 5322 section 2.2), blanks, a colon. */
const FIELD = /^[!-9;-~]+[ \t]*:/;

/** A message cut in two. */
export interface SplitMessage<Body = AsyncIterable<Uint8Array>> {
  /** The fields as they came, without the empty line; an mbox `From ` line at the top is left out. */
  readonly header: Buffer;
  /** The empty line's octets; none where there was no such line. */
  readonly separator: Buffer;
  /** Everything behind; to be consumed once. */
  readonly body: Body;
}

/**
 * Reads a message up to where its header ends: at the empty line, or, as mail transfer agents have it, before a line
 * that can be no field. Nothing but the header is held.
 * @throws Failure("invalid") for a header above the limit
 */
export async function splitMessage(content: AsyncIterable<Uint8Array>): Promise<SplitMessage> {
  const chunks = content[Symbol.asyncIterator]();
  try {
    const scanner = new HeaderScanner();
    for (;;) {
      const next = await chunks.next();
      const end = next.done === true ? scanner.finish() : scanner.push(next.value);
      if (end === undefined) continue;
      const { body, ...head } = cut(scanner.bytes(), end);
      return { ...head, body: restOf(body, chunks) };
    }
  } catch (error) {
    await chunks.return?.();
    throw error;
  }
}

/** The same for a message that is there whole. @throws Failure("invalid") */
export function splitWhole(message: Buffer): SplitMessage<Buffer> {
  const scanner = new HeaderScanner(message);
  return cut(message, scanner.scan() ?? scanner.finish());
}

function cut(bytes: Buffer, { headerStart, headerEnd, bodyStart }: HeaderEnd): SplitMessage<Buffer> {
  return {
    header: bytes.subarray(headerStart, headerEnd),
    separator: bytes.subarray(headerEnd, bodyStart),
    body: bytes.subarray(bodyStart),
  };
}

async function* restOf(first: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
  } finally {
    await chunks.return?.();
  }
}

/** Octets that are taken at first for a message that streams by. */
const FIRST_SIZE = 4096;

interface HeaderEnd {
  readonly headerStart: number;
  readonly headerEnd: number;
  readonly bodyStart: number;
}

/** Looks at each line once, however the message is cut. */
class HeaderScanner {
  #bytes: Buffer;
  #length: number;
  #lineStart = 0;
  #searched = 0;
  #headerStart = 0;

  /** What is known of the message already. */
  constructor(beginning: Buffer = Buffer.alloc(0)) {
    this.#bytes = beginning;
    this.#length = beginning.length;
  }

  push(chunk: Uint8Array): HeaderEnd | undefined {
    this.#append(chunk);
    return this.scan();
  }

  /** Looks at what came since the last time. */
  scan(): HeaderEnd | undefined {
    const bytes = this.bytes();
    for (;;) {
      const found = bytes.indexOf(LF, this.#searched);
      if (found < 0) break;
      const end = this.#takeLine(found + 1);
      if (end !== undefined) return end;
    }
    this.#searched = this.#length;
    if (this.#lineStart > MIME_LIMITS.headerOctets || this.#length - this.#lineStart > MIME_LIMITS.headerOctets)
      throw tooLong();
    return undefined;
  }

  /** The message has ended before its header did. */
  finish(): HeaderEnd {
    const end = this.#lineStart < this.#length ? this.#takeLine(this.#length) : undefined;
    return end ?? { headerStart: this.#headerStart, headerEnd: this.#length, bodyStart: this.#length };
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #takeLine(end: number): HeaderEnd | undefined {
    const start = this.#lineStart;
    if (start > MIME_LIMITS.headerOctets) throw tooLong();
    const here = { headerStart: this.#headerStart, headerEnd: start };
    const first = this.#bytes[start];
    if (first === LF || (first === CR && this.#bytes[start + 1] === LF)) return { ...here, bodyStart: end };
    const continues = (first === 32 || first === 9) && start > this.#headerStart;
    if (!continues && !FIELD.test(this.#bytes.toString("latin1", start, Math.min(end, start + 1_000)))) {
      if (start > 0 || this.#bytes.toString("latin1", 0, 5) !== "From ") return { ...here, bodyStart: start };
      this.#headerStart = end;
    }
    this.#lineStart = end;
    this.#searched = end;
    return undefined;
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2, FIRST_SIZE));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = needed;
  }
}

function tooLong(): Failure {
  return new Failure("invalid", "the message's header is longer than 1 MB");
}
