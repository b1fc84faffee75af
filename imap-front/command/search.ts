import type { Completion, Handler } from "../dispatch.ts";
import { hasSequenceNumbers, mentions, parseCriteria } from "../search/criteria.ts";
import { evaluate, searchContext } from "../search/evaluate.ts";
import { formatEsearch, highestModSeq, named, parseReturns, RETURN_ALL, type Returns } from "../search/returns.ts";
import { savingResult } from "../search/saved-result.ts";
import type { SearchKey } from "../search/search-key.ts";
import type { Session } from "../session.ts";
import type { Selected } from "../state.ts";
import type { MailboxView } from "../view.ts";

/** RFC 3501 section 6.4.4 and RFC 9051 section 6.4.4, with RETURN (RFCs 4731, 5267, 9394) and `$` (RFC 5182). */
export const search: Handler<Selected> = async (session, { view }, args, uid) => {
  args.space();
  const returns = parseReturns(args, session.limits) ?? (session.rev2 ? RETURN_ALL : undefined);
  if (returns?.update === true) session.followed.checkTag(session.tag);
  return await savingResult(view, returns, () => searchView(session, view, returns, parseCriteria(session, args), uid));
};

async function searchView(
  session: Session,
  view: MailboxView,
  returns: Returns | undefined,
  key: SearchKey,
  uid: boolean,
): Promise<Completion> {
  const withModSeq = mentions(key, ({ kind }) => kind === "modSeq");
  if (withModSeq) session.enableCondStore();
  const follow =
    returns?.update === true &&
    session.followed.begin(session, view, {
      tag: session.tag,
      uid,
      key,
      sort: undefined,
      items: returns.updateItems,
    });
  const uids = await evaluate(searchContext(session, view), key, view.uids);
  const numbers = uid ? uids : uids.map((number) => view.sequenceOf(number));
  const told = returns === undefined ? uids : named(uids, returns);
  const highest = withModSeq && told.length > 0 ? highestModSeq(view.mailbox.summaries(told)) : undefined;
  if (returns === undefined) {
    const modSeq = highest === undefined ? "" : ` (MODSEQ ${highest})`;
    session.output.write(`* SEARCH${numbers.length === 0 ? "" : " "}${numbers.join(" ")}${modSeq}\r\n`);
  } else {
    session.output.write(formatEsearch(session.tag, uid, numbers, returns, highest));
    if (returns.options.has("SAVE")) view.save(told.toSorted((a, b) => a - b));
  }
  if (follow) follow(uids);
  const gone = !uid && uids.some((number) => view.isExpunged(number));
  const text = gone ? "[EXPUNGEISSUED] some of the messages no longer exist" : "SEARCH completed";
  return hasSequenceNumbers(key) ? { text, expunge: false } : text;
}
