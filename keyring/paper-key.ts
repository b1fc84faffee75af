import type { RandomSource } from "./random.ts";

/** A new paper master key: 32 random bytes. */
export function newMasterSeed(random: RandomSource): Buffer {
  return Buffer.from(random(32));
}

/** The seed as 24 English words (BIP 39). */
export function seedToWords(_seed: Uint8Array): string {
  throw new Error("not written");
}

/** The reverse, in any case and spacing; undefined where a word or the checksum is wrong. */
export function wordsToSeed(_words: string): Buffer | undefined {
  throw new Error("not written");
}

/** A QR code of the text, in Unicode half blocks for a terminal or a printer. */
export function qrText(_text: string): string {
  throw new Error("not written");
}
