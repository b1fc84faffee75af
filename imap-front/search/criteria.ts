import { CommandFailure, uidRequired } from "../reply.ts";
import type { Session } from "../session.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";
import { parseSearchKeys, type SearchKey } from "./search-key.ts";

/** `["CHARSET" SP charset SP] search-key *(SP search-key)` up to the end of a SEARCH. */
export function parseCriteria(session: Session, args: Scanner): SearchKey {
  if (args.take("CHARSET ")) {
    if (session.utf8) throw new SyntaxFailure("with UTF8=ACCEPT no charset is named");
    parseCharset(args);
  }
  return parseKeys(session, args);
}

/** `charset SP search-key *(SP search-key)` up to the end of a SORT or THREAD (RFC 5256 section 5). */
export function parseSortCriteria(session: Session, args: Scanner): SearchKey {
  parseCharset(args);
  return parseKeys(session, args);
}

/** @throws CommandFailure BADCHARSET */
function parseCharset(args: Scanner): void {
  const charset = args.astring().toUpperCase();
  if (charset !== "UTF-8" && charset !== "US-ASCII")
    throw new CommandFailure("NO", "BADCHARSET (US-ASCII UTF-8)", "only US-ASCII and UTF-8 are known");
  args.space();
}

/** @throws CommandFailure UIDREQUIRED for a sequence number after UIDONLY was enabled (RFC 9586 section 3.5) */
function parseKeys(session: Session, args: Scanner): SearchKey {
  const key = parseSearchKeys(args, session.limits);
  args.end();
  if (session.uidOnly && hasSequenceNumbers(key)) throw uidRequired("search for UID and a set instead");
  return key;
}

/** Whether any part of the key is such a one. */
export function mentions(key: SearchKey, wanted: (part: SearchKey) => boolean): boolean {
  if (key.kind === "and" || key.kind === "or") return key.keys.some((part) => mentions(part, wanted));
  return key.kind === "not" ? mentions(key.key, wanted) : wanted(key);
}

/** A client that wrote sequence numbers must not find them changed meanwhile (RFC 7162 section 3.2.10.2). */
export function hasSequenceNumbers(key: SearchKey): boolean {
  return mentions(key, (part) => part.kind === "sequence" && !part.uid && part.set !== "$");
}
