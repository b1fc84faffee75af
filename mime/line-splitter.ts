import { BoundedBuffer } from "../foundation/bounded-buffer.ts";

/** Longest piece that is handed on at once. */
const MAX_PIECE = 65_536;

const LF = 10;

/**
 * Cuts octets into lines, each with its LF; a line longer than 64 KiB comes in several pieces. The pieces depend only
 * on the octets, never on how they were pushed. A piece is valid during the call alone.
 */
export class LineSplitter {
  readonly #onPiece: (piece: Buffer) => void;
  readonly #carry = new BoundedBuffer(MAX_PIECE);

  constructor(onPiece: (piece: Buffer) => void) {
    this.#onPiece = onPiece;
  }

  /** True when what comes next begins a piece: nothing waits for the rest of its line. */
  get atPieceStart(): boolean {
    return this.#carry.length === 0;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = 0;
    let lineEnd = -1;
    while (at < bytes.length) {
      // Looked for once per line, not once per piece: a line may be as long as the message.
      if (lineEnd <= at) {
        const found = bytes.indexOf(LF, at);
        lineEnd = found < 0 ? Number.POSITIVE_INFINITY : found + 1;
      }
      const end = Math.min(lineEnd, bytes.length, at + MAX_PIECE - this.#carry.length);
      const whole = end === lineEnd || this.#carry.length + end - at === MAX_PIECE;
      if (whole && this.#carry.length === 0) this.#onPiece(bytes.subarray(at, end));
      else {
        this.#carry.append(bytes, at, end);
        if (whole) this.#flush();
      }
      at = end;
    }
  }

  /** Hands on a last line that has no end. */
  end(): void {
    if (this.#carry.length > 0) this.#flush();
  }

  #flush(): void {
    const piece = this.#carry.bytes();
    this.#carry.clear();
    this.#onPiece(piece);
  }
}
