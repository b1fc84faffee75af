import type { ImapLimits } from "../limits.ts";
import { CommandFailure } from "../reply.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";
import type { MessageSet } from "../wire/sequence-set.ts";

/** `search-key` of RFC 9051, RFC 3501's RECENT, NEW and OLD, and those of RFCs 5032, 7162, 8474 and 8514. Times are milliseconds since 1970. */
export type SearchKey =
  | { readonly kind: "all" }
  | { readonly kind: "and"; readonly keys: readonly SearchKey[] }
  | { readonly kind: "or"; readonly keys: readonly [SearchKey, SearchKey] }
  | { readonly kind: "not"; readonly key: SearchKey }
  | { readonly kind: "sequence"; readonly set: MessageSet; readonly uid: boolean }
  | { readonly kind: "flag"; readonly flag: string }
  | { readonly kind: "recent" }
  | { readonly kind: "size"; readonly above?: number; readonly below?: number }
  /** From `from` on and before `before`, by the day for dates without a time. */
  | {
      readonly kind: "date";
      readonly of: "internal" | "saved" | "sent";
      readonly from?: number;
      readonly before?: number;
    }
  /** WITHIN: at most or at least so many seconds old. */
  | { readonly kind: "age"; readonly younger?: number; readonly older?: number }
  | { readonly kind: "text"; readonly where: { readonly header: string } | "body" | "text"; readonly needle: string }
  | { readonly kind: "modSeq"; readonly from: number }
  | { readonly kind: "objectId"; readonly of: "emailId" | "threadId"; readonly id: string };

const DAY = 86_400_000;
const FLAG_KEYS: ReadonlyMap<string, string> = new Map([
  ["ANSWERED", "\\Answered"],
  ["DELETED", "\\Deleted"],
  ["DRAFT", "\\Draft"],
  ["FLAGGED", "\\Flagged"],
  ["SEEN", "\\Seen"],
]);
const HEADER_KEYS: ReadonlySet<string> = new Set(["BCC", "CC", "FROM", "SUBJECT", "TO"]);
const RECENT: SearchKey = { kind: "recent" };
const NOT_SEEN: SearchKey = { kind: "not", key: { kind: "flag", flag: "\\Seen" } };

/** One or more keys up to the end of the command; all must fit. */
export function parseSearchKeys(args: Scanner, limits: ImapLimits): SearchKey {
  const parser = new KeyParser(args, limits);
  const keys = [parser.key()];
  while (!args.atEnd) {
    args.space();
    if (!args.atEnd) keys.push(parser.key());
  }
  return keys.length === 1 ? (keys[0] as SearchKey) : { kind: "and", keys };
}

class KeyParser {
  readonly #args: Scanner;
  readonly #limits: ImapLimits;
  #count = 0;

  constructor(args: Scanner, limits: ImapLimits) {
    this.#args = args;
    this.#limits = limits;
  }

  key(): SearchKey {
    const args = this.#args;
    if (++this.#count > this.#limits.searchKeys) throw new CommandFailure("NO", "LIMIT", "too many search keys");
    if (args.peek() === "(") {
      const keys = args.list(() => this.key());
      if (keys.length === 0) throw new SyntaxFailure("expected a search key");
      return { kind: "and", keys };
    }
    if (args.atMessageSet) return { kind: "sequence", set: args.messageSet(), uid: false };
    return args.nested(() => this.#named(args.keyword()));
  }

  #named(name: string): SearchKey {
    const args = this.#args;
    const flag = FLAG_KEYS.get(name);
    if (flag !== undefined) return { kind: "flag", flag };
    const unset = name.startsWith("UN") ? FLAG_KEYS.get(name.slice(2)) : undefined;
    if (unset !== undefined) return { kind: "not", key: { kind: "flag", flag: unset } };
    switch (name) {
      case "ALL":
        return { kind: "all" };
      case "RECENT":
        return RECENT;
      case "OLD":
        return { kind: "not", key: RECENT };
      case "NEW":
        return { kind: "and", keys: [RECENT, NOT_SEEN] };
      case "SAVEDATESUPPORTED":
        return { kind: "all" };
    }
    args.space();
    if (HEADER_KEYS.has(name)) return { kind: "text", where: { header: name.toLowerCase() }, needle: this.#text() };
    switch (name) {
      case "NOT":
        return { kind: "not", key: this.key() };
      case "OR": {
        const first = this.key();
        args.space();
        return { kind: "or", keys: [first, this.key()] };
      }
      case "UID":
        return { kind: "sequence", set: args.messageSet(), uid: true };
      case "KEYWORD":
        return { kind: "flag", flag: args.flag() };
      case "UNKEYWORD":
        return { kind: "not", key: { kind: "flag", flag: args.flag() } };
      case "LARGER":
        return { kind: "size", above: args.number() };
      case "SMALLER":
        return { kind: "size", below: args.number() };
      case "BODY":
        return { kind: "text", where: "body", needle: this.#text() };
      case "TEXT":
        return { kind: "text", where: "text", needle: this.#text() };
      case "HEADER": {
        const header = args.astring().toLowerCase();
        args.space();
        return { kind: "text", where: { header }, needle: this.#text() };
      }
      case "OLDER":
        return { kind: "age", older: args.nonZeroNumber() };
      case "YOUNGER":
        return { kind: "age", younger: args.nonZeroNumber() };
      case "MODSEQ":
        return { kind: "modSeq", from: this.#modSeq() };
      case "EMAILID":
        return { kind: "objectId", of: "emailId", id: args.astring() };
      case "THREADID":
        return { kind: "objectId", of: "threadId", id: args.astring() };
    }
    return this.#date(name);
  }

  #date(name: string): SearchKey {
    const parts = /^(SENT|SAVED)?(BEFORE|ON|SINCE)$/.exec(name);
    if (parts === null) throw new SyntaxFailure("unknown search key");
    const day = this.#args.date();
    const of = parts[1] === "SENT" ? "sent" : parts[1] === "SAVED" ? "saved" : "internal";
    if (parts[2] === "BEFORE") return { kind: "date", of, before: day };
    if (parts[2] === "SINCE") return { kind: "date", of, from: day };
    return { kind: "date", of, from: day, before: day + DAY };
  }

  /** `["entry-name" SP ("priv" / "shared" / "all") SP] mod-sequence-valzer`: one mod-sequence stands for all entries. */
  #modSeq(): number {
    const args = this.#args;
    if (args.peek() === '"') {
      args.string();
      args.space();
      if (!["PRIV", "SHARED", "ALL"].includes(args.keyword())) throw new SyntaxFailure("expected priv, shared or all");
      args.space();
    }
    return args.modSequence();
  }

  /** US-ASCII is UTF-8; octets that are not become what no text holds. */
  #text(): string {
    return Buffer.from(this.#args.astring(), "latin1").toString("utf8");
  }
}
