import { Failure } from "../foundation/failure.ts";
import { MAX_KEYWORD_OCTETS } from "./limits.ts";
import type { FlagChange, SystemFlag } from "./message.ts";

/** A message's flags as the index keeps them: a bit per system flag; keywords sorted, each once, set apart by spaces. */
export interface FlagSet {
  readonly bits: number;
  readonly keywords: string;
}

export const SEEN = 1;
export const DELETED = 8;

const SYSTEM_FLAGS: readonly (readonly [flag: SystemFlag, bit: number, letter: string])[] = [
  ["\\Seen", SEEN, "S"],
  ["\\Answered", 2, "R"],
  ["\\Flagged", 4, "F"],
  ["\\Deleted", DELETED, "T"],
  ["\\Draft", 16, "D"],
];
const FORWARDED = "$forwarded";
const FORWARDED_LETTER = "P";

/** `flag-keyword = atom`: printable, none of the characters that end an atom (RFC 9051 section 9). */
const KEYWORD = /^[!#$&'+-[^-z|}~]+$/;

export function isKeyword(flag: string): boolean {
  return KEYWORD.test(flag) && flag.length <= MAX_KEYWORD_OCTETS;
}

export function isSystemFlag(flag: string): boolean {
  const key = flag.toLowerCase();
  return SYSTEM_FLAGS.some(([name]) => name.toLowerCase() === key);
}

/** What a caller's list of flags means. `\Recent` is passed over: nobody can set it. */
export interface FlagList {
  readonly bits: number;
  readonly keywords: readonly string[];
}

/** @throws Failure invalid for a system flag that does not exist or a keyword that is no atom */
export function parseFlags(flags: readonly string[]): FlagList {
  let bits = 0;
  const keywords: string[] = [];
  for (const flag of flags) {
    const key = flag.toLowerCase();
    const system = SYSTEM_FLAGS.find(([name]) => name.toLowerCase() === key);
    if (system !== undefined) bits |= system[1];
    else if (isKeyword(flag)) keywords.push(flag);
    else if (key !== "\\recent") throw new Failure("invalid", "a flag that cannot be kept");
  }
  return { bits, keywords };
}

/** The flags after a change; keywords are spelt as in the list where they are new. */
export function applyChange(before: FlagSet, change: FlagChange, list: FlagList): FlagSet {
  if (change === "remove") {
    if (list.keywords.length === 0) return { bits: before.bits & ~list.bits, keywords: before.keywords };
    const gone = new Set(list.keywords);
    const left = splitKeywords(before.keywords).filter((keyword) => !gone.has(keyword));
    return { bits: before.bits & ~list.bits, keywords: left.join(" ") };
  }
  if (change === "add" && list.keywords.length === 0)
    return { bits: before.bits | list.bits, keywords: before.keywords };
  const kept = change === "add" ? splitKeywords(before.keywords) : [];
  const keywords = [...new Set([...kept, ...list.keywords])].sort().join(" ");
  return { bits: change === "add" ? before.bits | list.bits : list.bits, keywords };
}

function splitKeywords(keywords: string): string[] {
  return keywords === "" ? [] : keywords.split(" ");
}

/** The flags as IMAP names them. */
export function formatFlags(flags: FlagSet): readonly string[] {
  const names: string[] = SYSTEM_FLAGS.filter(([, bit]) => (flags.bits & bit) !== 0).map(([name]) => name);
  return names.concat(splitKeywords(flags.keywords));
}

/** The letters after `:2,` in a Maildir file's name, in ASCII order; other keywords than $Forwarded live in the index alone. */
export function maildirLetters({ bits, keywords }: FlagSet): string {
  const isForwarded = keywords !== "" && splitKeywords(keywords.toLowerCase()).includes(FORWARDED);
  const key = isForwarded ? -1 - bits : bits;
  let letters = LETTERS.get(key);
  if (letters === undefined) LETTERS.set(key, (letters = lettersOf(bits, isForwarded)));
  return letters;
}

/** The few sets of letters that there are: each move and removal of a file asks for one. */
const LETTERS = new Map<number, string>();

function lettersOf(bits: number, isForwarded: boolean): string {
  const letters = SYSTEM_FLAGS.filter(([, bit]) => (bits & bit) !== 0).map(([, , letter]) => letter);
  if (isForwarded) letters.push(FORWARDED_LETTER);
  return letters.sort().join("");
}

/** The flags that such letters stand for; unknown ones are passed over. */
export function flagsOfLetters(letters: string): string[] {
  const names: string[] = SYSTEM_FLAGS.filter(([, , letter]) => letters.includes(letter)).map(([name]) => name);
  return letters.includes(FORWARDED_LETTER) ? [...names, "$Forwarded"] : names;
}
