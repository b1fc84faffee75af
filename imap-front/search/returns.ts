import { type FetchItem, parseFetchItems } from "../fetch-items.ts";
import type { ImapLimits } from "../limits.ts";
import type { MessageSummary } from "../store.ts";
import { formatString } from "../wire/format.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";
import { formatSet } from "../wire/sequence-set.ts";

const OPTIONS: readonly string[] = ["MIN", "MAX", "COUNT", "ALL", "SAVE"];

/** `1:100`, or `-1:-100` from the end (RFC 9394). */
export interface PartialRange {
  /** As the client wrote it. */
  readonly text: string;
  readonly from: number;
  readonly to: number;
  readonly fromEnd: boolean;
}

/** What RETURN asks for (RFCs 4731, 5182, 5267, 9394). */
export interface Returns {
  readonly options: ReadonlySet<string>;
  readonly partial: PartialRange | undefined;
  /** The client wants to hear how the result changes (RFC 5267 section 4.3); it says nothing of the result itself. */
  readonly update: boolean;
  /** What it wants to be told of new messages that come into the result (RFC 5465 section 7). */
  readonly updateItems: readonly FetchItem[];
}

export const RETURN_ALL: Returns = { options: new Set(["ALL"]), partial: undefined, update: false, updateItems: [] };

/** `["RETURN" SP "(" [option *(SP option)] ")" SP]`; undefined where it is missing. */
export function parseReturns(args: Scanner, limits: ImapLimits): Returns | undefined {
  if (!args.take("RETURN")) return undefined;
  args.space();
  const options = new Set<string>();
  let partial: PartialRange | undefined;
  let update = false;
  let updateItems: readonly FetchItem[] = [];
  let any = false;
  let last = "";
  args.list(() => {
    // The items after UPDATE are read like one more option.
    if (args.peek() === "(" && last === "UPDATE") {
      updateItems = parseFetchItems(args, limits);
      last = "";
      return;
    }
    const option = args.keyword();
    last = option;
    any = true;
    if (option === "UPDATE") update = true;
    // CONTEXT is a hint that the search comes again (RFC 5267 section 4.2); what helps then is remembered without it.
    if (option === "UPDATE" || option === "CONTEXT") return;
    if (option === "PARTIAL" && partial === undefined) {
      args.space();
      partial = parsePartialRange(args);
    } else if (!OPTIONS.includes(option)) throw new SyntaxFailure("unknown return option");
    options.add(option);
  });
  args.space();
  if (options.has("ALL") && partial !== undefined) throw new SyntaxFailure("either ALL or one PARTIAL");
  return any ? { options, partial, update, updateItems } : RETURN_ALL;
}

/** `nz-number ":" nz-number`, or both with a minus. */
export function parsePartialRange(args: Scanner): PartialRange {
  const fromEnd = args.take("-");
  const a = args.nonZeroNumber();
  args.expect(fromEnd ? ":-" : ":");
  const b = args.nonZeroNumber();
  const sign = fromEnd ? "-" : "";
  return { text: `${sign}${a}:${sign}${b}`, from: Math.min(a, b), to: Math.max(a, b), fromEnd };
}

/** Those of the results that the range names. */
export function cutRange<T>(results: readonly T[], { from, to, fromEnd }: PartialRange): readonly T[] {
  return fromEnd
    ? results.slice(Math.max(0, results.length - to), Math.max(0, results.length - from + 1))
    : results.slice(from - 1, to);
}

/** Those of the results, in their order, that the answer names or counts; `$` stands for them, and their MODSEQ is told. */
export function named<T>(results: readonly T[], { options, partial }: Returns): readonly T[] {
  if (options.has("ALL") || options.has("COUNT") || (options.size === 1 && options.has("SAVE"))) return results;
  const some = new Set<T>(options.has("MIN") ? results.slice(0, 1) : []);
  if (partial !== undefined) for (const result of cutRange(results, partial)) some.add(result);
  if (options.has("MAX")) for (const result of results.slice(-1)) some.add(result);
  return [...some];
}

/**
 * The whole `* ESEARCH` line; empty where only SAVE was asked for. Nothing but COUNT and PARTIAL is said of an empty
 * result (RFC 4731 section 3.1). `highest` tells the highest mod-sequence, where it is wanted; `correlators` follow the tag (RFC 7377).
 */
export function formatEsearch(
  tag: string,
  uid: boolean,
  numbers: readonly number[],
  { options, partial }: Returns,
  highest: number | undefined,
  correlators = "",
): string {
  if (options.size === 1 && options.has("SAVE")) return "";
  let text = `* ESEARCH (TAG ${formatString(tag)}${correlators})${uid ? " UID" : ""}`;
  if (numbers.length > 0) {
    if (options.has("MIN")) text += ` MIN ${numbers[0]}`;
    if (options.has("MAX")) text += ` MAX ${numbers.at(-1)}`;
    if (options.has("ALL")) text += ` ALL ${formatSet(numbers)}`;
  }
  if (partial !== undefined) text += ` PARTIAL (${partial.text} ${formatSet(cutRange(numbers, partial)) || "NIL"})`;
  if (options.has("COUNT")) text += ` COUNT ${numbers.length}`;
  return `${text}${highest === undefined ? "" : ` MODSEQ ${highest}`}\r\n`;
}

export function highestModSeq(messages: Iterable<MessageSummary>): number {
  let highest = 0;
  for (const { modSeq } of messages) highest = Math.max(highest, modSeq);
  return highest;
}
