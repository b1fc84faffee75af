import { createHash } from "node:crypto";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import type { AddressLabel } from "../../foundation/address.ts";

/** Octets of the random number that each side puts into a safety phrase. */
export const NONCE_SIZE = 32;
const WORDS = 4;
const WORD_BITS = 11;

/** Who made the bundle that the two met by, and who took it; each with the number that it put in. */
export interface PhraseSide {
  readonly label: AddressLabel;
  readonly nonce: Uint8Array;
}

/** Binds the host to a number that it shows only after the guest has shown its own. */
export function phraseCommitment(nonce: Uint8Array): Buffer {
  return createHash("sha256").update("postern phrase commitment 1").update(nonce).digest();
}

/**
 * Four words of BIP 39's English list: the first 44 bits of SHA-256 over both identities and both numbers. Who stands in
 * between has to fix the own number towards each side before it learns that side's, so all it gets is one guess in 2^44
 * for each meeting, however much it computes: the idea of ZRTP's short authentication string (RFC 6189 section 4.4.1.4).
 */
export function safetyPhrase(host: PhraseSide, guest: PhraseSide): string {
  const hash = createHash("sha256").update("postern safety phrase 1");
  // A label is 52 characters, always.
  for (const { label, nonce } of [host, guest]) hash.update(label, "latin1").update(nonce);
  let bits = hash.digest().readBigUInt64BE() >> BigInt(64 - WORDS * WORD_BITS);
  const words: string[] = [];
  for (let word = 0; word < WORDS; word++) {
    words.unshift(wordlist[Number(bits & 2047n)] ?? "");
    bits >>= BigInt(WORD_BITS);
  }
  return words.join(" ");
}

/** The words as they are kept, from however somebody types them. */
export function normalPhrase(typed: string): string {
  return (typed.toLowerCase().match(/[a-z]+/g) ?? []).join(" ");
}
