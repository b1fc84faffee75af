/** Memory taken at first; most letters, lines and chunks need no more. */
const FIRST_SIZE = 4096;

/**
 * Octets gathered up to a bound. The memory grows with what is gathered: a bound of 64 KiB costs a small letter nothing,
 * and the garbage collector is not called for buffers that were never filled.
 */
export class BoundedBuffer {
  readonly #bound: number;
  #bytes: Buffer | undefined;
  #length = 0;

  constructor(bound: number) {
    this.#bound = bound;
  }

  get length(): number {
    return this.#length;
  }

  get full(): boolean {
    return this.#length === this.#bound;
  }

  /** Takes octets from there on, as many as there is room for; how many that were. */
  append(octets: Uint8Array, from = 0, to = octets.length): number {
    const taken = Math.min(to - from, this.#bound - this.#length);
    this.#room(this.#length + taken).set(octets.subarray(from, from + taken), this.#length);
    this.#length += taken;
    return taken;
  }

  /** Has so many octets written behind what was gathered, within the bound; they count where `write` says that they are good. */
  extend(octets: number, write: (room: Buffer) => boolean): boolean {
    const end = this.#length + octets;
    const good = write(this.#room(end).subarray(this.#length, end));
    if (good) this.#length = end;
    return good;
  }

  /** What was gathered; valid until the next octets are appended. */
  bytes(): Buffer {
    return this.#bytes?.subarray(0, this.#length) ?? Buffer.alloc(0);
  }

  /** Gathers anew, in the same memory. */
  clear(): void {
    this.#length = 0;
  }

  #room(needed: number): Buffer {
    const held = this.#bytes;
    if (held !== undefined && held.length >= needed) return held;
    const size = Math.max(needed, Math.min(this.#bound, held === undefined ? FIRST_SIZE : held.length * 2));
    const larger = Buffer.allocUnsafeSlow(size);
    held?.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    return larger;
  }
}
