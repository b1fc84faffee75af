import * as fc from "fast-check";
import { parseFetchItems } from "../../../imap-front/fetch-items.ts";
import { parseFlags } from "../../../imap-front/flags.ts";
import { defaultLimits } from "../../../imap-front/limits.ts";
import { parseEventGroups } from "../../../imap-front/notify/event-group.ts";
import { CommandFailure } from "../../../imap-front/reply.ts";
import { parseResync } from "../../../imap-front/resync.ts";
import { parseReturns } from "../../../imap-front/search/returns.ts";
import { parseSearchKeys } from "../../../imap-front/search/search-key.ts";
import { parseSortKeys } from "../../../imap-front/sort/sort-key.ts";
import { parseStatusItems } from "../../../imap-front/status-items.ts";
import { Scanner, SyntaxFailure } from "../../../imap-front/wire/scanner.ts";
import { formatSet, normaliseSet } from "../../../imap-front/wire/sequence-set.ts";
import { octets, type Target } from "../target.ts";
import { command, fetchItems, IMAP_TOKENS, search, searchKey } from "./imap-grammar.ts";

/** Every production that reads arguments; the input's first octet chooses one. */
const PRODUCTIONS: readonly ((args: Scanner) => unknown)[] = [
  (args) => parseSearchKeys(args, defaultLimits),
  (args) => [parseReturns(args, defaultLimits), parseSearchKeys(args, defaultLimits)],
  (args) => parseFetchItems(args, defaultLimits),
  (args) => parseFlags(args, defaultLimits),
  (args) => parseStatusItems(args),
  (args) => parseSortKeys(args),
  (args) => parseResync(args),
  (args) => formatSet(normaliseSet(args.sequenceSet(), 100).map(([from]) => from)),
  (args) => args.mailbox(),
  (args) => args.listMailbox(),
  (args) => [args.dateTime(), args.space(), args.date()],
  (args) => [args.nstring(), args.space(), args.astring(), args.space(), args.string()],
  (args) => parseEventGroups(args, defaultLimits),
];

/** The first line, and the literals that follow as a command reader would have read them. */
function scannerOf(text: string): Scanner {
  const [first = "", ...more] = text.split("\r\n");
  return new Scanner(
    first,
    more.map((line) => ({ literal: line.slice(0, 5), text: line.slice(5) })),
    64,
    text.length % 2 === 0,
  );
}

/** Nothing but the scanner's own errors comes out of it, and what it read it does not read again. */
export const tokenizer: Target = {
  name: "tokenizer",
  seeds: [
    "\x00OR (SEEN NOT DELETED) SUBJECT {3}\r\nabc",
    "\x02(BODY[1.2.MIME]<0.5> FLAGS)",
    "\x06 (1 2 1:3 (1 1))",
  ].map(octets),
  tokens: IMAP_TOKENS,
  structured: fc
    .tuple(fc.nat(PRODUCTIONS.length - 1), fc.oneof(searchKey, search, fetchItems, command))
    .map(([which, text]) => octets(String.fromCharCode(which) + text)),
  run(input) {
    const production = PRODUCTIONS[(input[0] ?? 0) % PRODUCTIONS.length];
    try {
      production?.(scannerOf(input.toString("latin1", 1)));
    } catch (error) {
      if (!(error instanceof SyntaxFailure || error instanceof CommandFailure)) throw error;
    }
  },
};
