import { wordlist } from "@scure/bip39/wordlists/english.js";
import { Failure } from "../../foundation/failure.ts";

/** What two people say to each other: where they meet at the relay, and, independent of that, the password. */
export interface PairCode {
  readonly nameplate: number;
  /** Three words of BIP 39's English list, with hyphens: 33 bits, of which whoever guesses gets one try. */
  readonly password: string;
}

const WORDS = 3;
const KNOWN = new Set(wordlist);
export const NAMEPLATE_MAX = 99_999;

/** Small numbers first: they are easy to say. `tries` is how many were taken already. */
export function newPairCode(random: (length: number) => Buffer, tries: number): PairCode {
  const range = tries < 4 ? 99 : tries < 8 ? 999 : NAMEPLATE_MAX;
  const words = Array.from({ length: WORDS }, () => wordlist[random(2).readUInt16BE() % wordlist.length]);
  return { nameplate: 1 + (random(4).readUInt32BE() % range), password: words.join("-") };
}

/** `7-guitar-lemon-orbit` */
export function formatPairCode({ nameplate, password }: PairCode): string {
  return `${nameplate}-${password}`;
}

/** In any case, with blanks or hyphens. A word that is not in the list costs no guess. @throws Failure invalid */
export function parsePairCode(text: string): PairCode {
  const [number = "", ...words] = text
    .trim()
    .toLowerCase()
    .split(/[\s-]+/);
  const nameplate = Number(number);
  if (!/^[0-9]{1,5}$/.test(number) || nameplate < 1)
    throw new Failure("invalid", "a spoken code begins with its number, as in 7-guitar-lemon-orbit");
  if (words.length !== WORDS)
    throw new Failure("invalid", `a spoken code has ${WORDS} words behind its number, as in 7-guitar-lemon-orbit`);
  const strange = words.find((word) => !KNOWN.has(word));
  if (strange !== undefined)
    throw new Failure(
      "invalid",
      `"${strange.slice(0, 20)}" is no word of a spoken code: ask for it again, letter by letter`,
    );
  return { nameplate, password: words.join("-") };
}
