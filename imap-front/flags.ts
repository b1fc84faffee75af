import type { ImapLimits } from "./limits.ts";
import { CommandFailure } from "./reply.ts";
import type { Scanner } from "./wire/scanner.ts";

/** The flags of RFC 9051 section 2.3.2 that a client can change. */
export const SYSTEM_FLAGS: readonly string[] = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"];

const BY_LOWER_CASE = new Map(SYSTEM_FLAGS.map((flag) => [flag.toLowerCase(), flag]));

/**
 * `flag-list`, or flags without parentheses as STORE takes them. `\Recent` and system flags that nobody knows are
 * passed over: programs copy them from elsewhere (docs/quirks.md).
 */
export function parseFlags(args: Scanner, limits: ImapLimits): string[] {
  const flags: string[] = [];
  if (args.peek() === "(") flags.push(...args.list(() => args.flag()));
  else {
    flags.push(args.flag());
    while (args.take(" ")) if (!args.atEnd) flags.push(args.flag());
  }
  const known = new Set<string>();
  for (const flag of flags) {
    if (flag.startsWith("\\")) {
      const system = BY_LOWER_CASE.get(flag.toLowerCase());
      if (system !== undefined) known.add(system);
    } else if (flag.length > limits.keywordLength) {
      throw new CommandFailure("NO", "LIMIT", "the keyword is too long");
    } else {
      known.add(flag);
    }
  }
  if (known.size > limits.flags) throw new CommandFailure("NO", "LIMIT", "too many flags");
  return [...known];
}
