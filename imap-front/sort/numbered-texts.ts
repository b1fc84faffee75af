import type { Pace } from "../pace.ts";

const LATIN = /^[\0-\xff]*$/;

/** Texts that are read out of packed ones between two looks at the clock. */
const UNPACKED = 4096;

/**
 * Texts one after the other, and how many UTF-16 units each has: an octet for each unit where that is enough for all, else two.
 * Halves of surrogate pairs survive that.
 */
export interface PackedTexts {
  readonly lengths: Int32Array;
  readonly octets: Uint8Array;
}

/** Numbers for texts, the same for equal ones and 0 for the empty one. Packed texts are unpacked when a number is asked for. */
export class NumberedTexts {
  protected readonly numbers = new Map<string, number>();
  protected readonly texts: string[] = [];
  #packed: PackedTexts | undefined;
  /** The packed texts as one, and where the first ends that is not unpacked yet. */
  #all = "";
  #at = 0;

  constructor(packed: PackedTexts | undefined) {
    this.#packed = packed;
    if (packed === undefined) this.numberOf("");
  }

  /** How many there are; all numbers are below it. */
  get count(): number {
    return this.#packed?.lengths.length ?? this.texts.length;
  }

  get isPacked(): boolean {
    return this.#packed !== undefined;
  }

  numberOf(text: string): number {
    while (this.#unpackSome());
    let number = this.numbers.get(text);
    if (number === undefined) {
      number = this.texts.push(text) - 1;
      this.numbers.set(text, number);
    }
    return number;
  }

  /** Makes ready for `numberOf`, which otherwise takes as long as it does when many texts were packed. */
  async unpack(pace: Pace): Promise<void> {
    while (this.#unpackSome()) if (pace.due) await pace.yield();
  }

  /** All in the order of their numbers. */
  pack(): PackedTexts {
    return this.#packed ?? packTexts(this.texts);
  }

  /** False once all are there. */
  #unpackSome(): boolean {
    if (this.#packed === undefined) return false;
    const { lengths, octets } = this.#packed;
    if (this.#all === "") {
      const units = lengths.reduce((sum, length) => sum + length, 0);
      const encoding = octets.length === units ? "latin1" : "utf16le";
      this.#all = Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString(encoding);
    }
    for (let end = Math.min(lengths.length, this.texts.length + UNPACKED); this.texts.length < end; ) {
      const start = this.#at;
      this.#at += lengths[this.texts.length] as number;
      const text = this.#all.slice(start, this.#at);
      this.numbers.set(text, this.texts.push(text) - 1);
    }
    if (this.texts.length < lengths.length) return true;
    this.#packed = undefined;
    this.#all = "";
    return false;
  }
}

export function packTexts(texts: readonly string[]): PackedTexts {
  const all = texts.join("");
  const encoding = LATIN.test(all) ? "latin1" : "utf16le";
  return { lengths: Int32Array.from(texts, ({ length }) => length), octets: Buffer.from(all, encoding) };
}
