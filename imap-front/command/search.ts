import type { Completion, Handler } from "../dispatch.ts";
import { CommandFailure } from "../reply.ts";
import { evaluate } from "../search/evaluate.ts";
import { parseSearchKeys, type SearchKey } from "../search/search-key.ts";
import type { Session } from "../session.ts";
import type { Selected } from "../state.ts";
import type { MailboxView } from "../view.ts";
import { formatString } from "../wire/format.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";
import { formatSet } from "../wire/sequence-set.ts";

const RETURN_OPTIONS = ["MIN", "MAX", "COUNT", "ALL", "SAVE"];

interface SearchRequest {
  /** RETURN's options (RFC 4731); undefined for the response of RFC 3501. */
  readonly returns: ReadonlySet<string> | undefined;
  readonly key: SearchKey;
}

/** RFC 3501 section 6.4.4 and RFC 9051 section 6.4.4, with RETURN (RFC 4731) and `$` (RFC 5182). */
export const search: Handler<Selected> = async (session, { view }, args, uid) => {
  args.space();
  const returns = parseReturns(args) ?? (session.rev2 ? new Set(["ALL"]) : undefined);
  try {
    return await searchView(session, view, { returns, key: parseCriteria(session, args) }, uid);
  } catch (error) {
    // RFC 5182 section 2.1: NO leaves nothing saved, BAD what there was.
    if (returns?.has("SAVE") === true && !(error instanceof SyntaxFailure)) view.save([]);
    throw error;
  }
};

async function searchView(
  session: Session,
  view: MailboxView,
  { returns, key }: SearchRequest,
  uid: boolean,
): Promise<Completion> {
  const withModSeq = mentions(key, ({ kind }) => kind === "modSeq");
  if (withModSeq) session.condStore = true;
  const context = { view, now: session.options.clock.now(), pace: session.pace, signal: session.signal };
  const uids = await evaluate(context, key, view.uids);
  const numbers = uid ? uids : uids.map((number) => view.sequenceOf(number));
  if (returns === undefined) {
    const modSeq = withModSeq && uids.length > 0 ? ` (MODSEQ ${highestModSeq(view.mailbox.summaries(uids))})` : "";
    session.output.write(`* SEARCH${numbers.length === 0 ? "" : " "}${numbers.join(" ")}${modSeq}\r\n`);
  } else if (returns.size > 1 || !returns.has("SAVE")) {
    const extended = esearch(numbers, returns);
    const modSeq =
      withModSeq && uids.length > 0 ? ` MODSEQ ${highestModSeq(view.mailbox.summaries(named(uids, returns)))}` : "";
    session.output.write(`* ESEARCH (TAG ${formatString(session.tag)})${uid ? " UID" : ""}${extended}${modSeq}\r\n`);
  }
  if (returns?.has("SAVE") === true) view.save(returns.size === 1 ? uids : named(uids, returns));
  const gone = !uid && uids.some((number) => view.isExpunged(number));
  const text = gone ? "[EXPUNGEISSUED] some of the messages no longer exist" : "SEARCH completed";
  // A client that wrote sequence numbers must not find them changed meanwhile (RFC 7162 section 3.2.10.2).
  return mentions(key, (part) => part.kind === "sequence" && !part.uid) ? { text, expunge: false } : text;
}

function parseReturns(args: Scanner): ReadonlySet<string> | undefined {
  if (!args.take("RETURN")) return undefined;
  args.space();
  const returns = new Set(args.list(() => args.keyword()));
  for (const option of returns) if (!RETURN_OPTIONS.includes(option)) throw new SyntaxFailure("unknown return option");
  if (returns.size === 0) returns.add("ALL");
  args.space();
  return returns;
}

function parseCriteria(session: Session, args: Scanner): SearchKey {
  if (args.take("CHARSET ")) {
    if (session.utf8) throw new SyntaxFailure("with UTF8=ACCEPT no charset is named");
    const charset = args.astring().toUpperCase();
    if (charset !== "UTF-8" && charset !== "US-ASCII")
      throw new CommandFailure("NO", "BADCHARSET (US-ASCII UTF-8)", "only US-ASCII and UTF-8 are known");
    args.space();
  }
  const key = parseSearchKeys(args, session.limits);
  args.end();
  return key;
}

/** RFC 4731 section 3.1: nothing but COUNT is said of an empty result. */
function esearch(numbers: readonly number[], returns: ReadonlySet<string>): string {
  let text = "";
  if (numbers.length > 0) {
    if (returns.has("MIN")) text += ` MIN ${numbers[0]}`;
    if (returns.has("MAX")) text += ` MAX ${numbers.at(-1)}`;
    if (returns.has("ALL")) text += ` ALL ${formatSet(numbers)}`;
  }
  return returns.has("COUNT") ? `${text} COUNT ${numbers.length}` : text;
}

/** The messages that the answer names or counts: their highest mod-sequence is told (RFC 4731 section 3.2). */
function named(uids: readonly number[], returns: ReadonlySet<string>): readonly number[] {
  if (returns.has("ALL") || returns.has("COUNT")) return uids;
  return [...(returns.has("MIN") ? uids.slice(0, 1) : []), ...(returns.has("MAX") ? uids.slice(-1) : [])];
}

function mentions(key: SearchKey, wanted: (part: SearchKey) => boolean): boolean {
  if (key.kind === "and" || key.kind === "or") return key.keys.some((part) => mentions(part, wanted));
  return key.kind === "not" ? mentions(key.key, wanted) : wanted(key);
}

function highestModSeq(messages: Iterable<{ readonly modSeq: number }>): number {
  let highest = 0;
  for (const { modSeq } of messages) highest = Math.max(highest, modSeq);
  return highest;
}
