import { Failure } from "../foundation/failure.ts";
import { MAX_LEVEL_OCTETS, MAX_NAME_OCTETS } from "./limits.ts";

export const INBOX = "INBOX";
export const DELIMITER = "/";

/** The one spelling of a name: NFC, without a delimiter at its end, INBOX in capitals (RFC 9051 section 5.1). */
export function normalizeName(name: string): string {
  const whole = name.normalize("NFC").replace(/\/$/, "");
  const [first = "", ...rest] = whole.split(DELIMITER);
  return first.toUpperCase() === INBOX ? [INBOX, ...rest].join(DELIMITER) : whole;
}

/** @throws Failure invalid where no mailbox may have that (normalised) name */
export function checkName(name: string): void {
  const invalid = (why: string): never => {
    throw new Failure("invalid", `a mailbox cannot have this name: ${why}`);
  };
  if (/[\p{Cc}\p{Cs}\u2028\u2029\ufffd]/u.test(name)) invalid("it holds control characters");
  if (Buffer.byteLength(name) > MAX_NAME_OCTETS) invalid("it is too long");
  for (const level of name.split(DELIMITER)) {
    if (level === "") invalid("a level of it is empty");
    if (Buffer.byteLength(level) > MAX_LEVEL_OCTETS) invalid("a level of it is too long");
  }
}

/** The superior names, highest first: `a/b/c` has `a` and `a/b`. */
export function superiorNames(name: string): string[] {
  const levels = name.split(DELIMITER);
  return levels.slice(1).map((_, index) => levels.slice(0, index + 1).join(DELIMITER));
}

/** INBOX first, then its children, then by code point without regard to case. */
export function compareNames(a: string, b: string): number {
  const rank = (name: string): number => (name === INBOX ? 0 : name.startsWith(INBOX + DELIMITER) ? 1 : 2);
  const key = (name: string): string => name.toLowerCase();
  return rank(a) - rank(b) || (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a < b ? -1 : a > b ? 1 : 0);
}
