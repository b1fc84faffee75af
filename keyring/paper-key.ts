import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { renderUnicodeCompact } from "uqr";
import type { RandomSource } from "./random.ts";

/** Bytes of the paper master seed: the Ed25519 seed of M. */
export const MASTER_SEED_LENGTH = 32;

/** A new paper master seed. */
export function newMasterSeed(random: RandomSource): Buffer {
  return Buffer.from(random(MASTER_SEED_LENGTH));
}

/** The seed as 24 English words (BIP 39). */
export function seedToWords(seed: Uint8Array): string {
  if (seed.length !== MASTER_SEED_LENGTH) throw new RangeError("a master seed has 32 bytes");
  return entropyToMnemonic(Uint8Array.from(seed), wordlist);
}

/** The reverse, in any case and spacing; undefined where a word, their number or the checksum is wrong. */
export function wordsToSeed(words: string): Buffer | undefined {
  const spelt = words.toLowerCase().match(/[a-z]+/g) ?? [];
  if (spelt.length !== 24) return undefined;
  try {
    return Buffer.from(mnemonicToEntropy(spelt.join(" "), wordlist));
  } catch {
    return undefined;
  }
}

/** A QR code of the text in Unicode half blocks: light on a dark terminal, or dark on paper and light terminals. */
export function qrText(text: string, ground: "dark" | "light" = "dark"): string {
  return renderUnicodeCompact(text, { ecc: "M", border: 2, invert: ground === "light" });
}
