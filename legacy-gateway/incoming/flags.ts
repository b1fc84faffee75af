import { MAX_KEYWORD_OCTETS, MAX_KEYWORDS } from "../limits.ts";

const SYSTEM_FLAGS: ReadonlyMap<string, string> = new Map(
  ["\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted"].map((flag) => [flag.toLowerCase(), flag]),
);

/** Say what the bridge knows of a letter: no provider may set them, and none is told of them. */
const BRIDGES_OWN: ReadonlySet<string> = new Set([
  "$legacy",
  "$encrypted",
  "$signed",
  "$plaintext",
  "$verified",
  "$introduced",
]);

/** `atom` of RFC 9051 section 9 that is no system flag. */
// oxlint-disable-next-line no-control-regex
const KEYWORD = /^[^\x00-\x20\x7f-\uffff(){%*"\\\]]+$/;

/** A letter's flags as both sides can have them: lower case to the spelling. */
export type FlagSet = ReadonlyMap<string, string>;

/** Those flags that are kept alike on both sides; bounded, since a provider may name any number. */
export function sharedFlags(flags: Iterable<string>): FlagSet {
  const shared = new Map<string, string>();
  let keywords = 0;
  for (const flag of flags) {
    const key = flag.toLowerCase();
    const system = SYSTEM_FLAGS.get(key);
    if (system !== undefined) shared.set(key, system);
    else if (isSharedKeyword(flag, key) && !shared.has(key) && keywords++ < MAX_KEYWORDS) shared.set(key, flag);
  }
  return shared;
}

function isSharedKeyword(flag: string, key: string): boolean {
  return KEYWORD.test(flag) && flag.length <= MAX_KEYWORD_OCTETS && !BRIDGES_OWN.has(key);
}

/** One text for one set. */
export function formatFlags(flags: FlagSet): string {
  return [...flags.values()].sort().join(" ");
}

export function parseFlags(text: string): FlagSet {
  return sharedFlags(text === "" ? [] : text.split(" "));
}

export interface FlagDifference {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** What makes `before` to `after`. */
export function difference(before: FlagSet, after: FlagSet): FlagDifference {
  return {
    add: [...after].filter(([key]) => !before.has(key)).map(([, flag]) => flag),
    remove: [...before].filter(([key]) => !after.has(key)).map(([, flag]) => flag),
  };
}

export function isNothing({ add, remove }: FlagDifference): boolean {
  return add.length === 0 && remove.length === 0;
}

/** Those changes that the set has not seen yet. */
export function stillMissing({ add, remove }: FlagDifference, flags: FlagSet): FlagDifference {
  return {
    add: add.filter((flag) => !flags.has(flag.toLowerCase())),
    remove: remove.filter((flag) => flags.has(flag.toLowerCase())),
  };
}

export function applied(flags: FlagSet, { add, remove }: FlagDifference): FlagSet {
  const result = new Map(flags);
  for (const flag of remove) result.delete(flag.toLowerCase());
  for (const flag of add) result.set(flag.toLowerCase(), flag);
  return result;
}
