import type { Completion, Handler } from "../dispatch.ts";
import { hasSequenceNumbers, mentions, parseSortCriteria } from "../search/criteria.ts";
import { evaluate, searchContext } from "../search/evaluate.ts";
import { formatEsearch, highestModSeq, named, parseReturns, type Returns } from "../search/returns.ts";
import { savingResult } from "../search/saved-result.ts";
import type { SearchKey } from "../search/search-key.ts";
import type { Session } from "../session.ts";
import { learnRows } from "../sort/learn-rows.ts";
import { parseSortKeys, type SortKey, wantedFor } from "../sort/sort-key.ts";
import { sortRows } from "../sort/sort-rows.ts";
import type { Selected } from "../state.ts";
import type { MailboxView } from "../view.ts";

/** RFC 5256 section 3, with RETURN (RFC 5267 section 3) and the criteria of RFC 5957. */
export const sort: Handler<Selected> = async (session, { view }, args, uid) => {
  args.space();
  const returns = parseReturns(args, session.limits);
  const keys = parseSortKeys(args);
  args.space();
  if (returns?.update === true) session.followed.checkTag(session.tag);
  return await savingResult(view, returns, () =>
    sortView(session, view, { returns, keys, key: parseSortCriteria(session, args) }, uid),
  );
};

interface SortRequest {
  readonly returns: Returns | undefined;
  readonly keys: readonly SortKey[];
  readonly key: SearchKey;
}

async function sortView(
  session: Session,
  view: MailboxView,
  { returns, keys, key }: SortRequest,
  uid: boolean,
): Promise<Completion> {
  const withModSeq = mentions(key, ({ kind }) => kind === "modSeq");
  if (withModSeq) session.enableCondStore();
  const follow =
    returns?.update === true &&
    session.followed.begin(session, view, { tag: session.tag, uid, key, sort: keys, items: returns.updateItems });
  const found = await evaluate(searchContext(session, view), key, view.uids);
  const columns = await session.options.sortables.of(view.mailbox);
  const rows = await learnRows(session, view.mailbox, columns, found, wantedFor(keys));
  const { pace } = session;
  const uids = (await sortRows(columns, rows, keys, pace)).map((row) => columns.uids[row] as number);
  if (pace.due) await pace.yield();
  const numbers = uid ? uids : uids.map((number) => view.sequenceOf(number));
  if (pace.due) await pace.yield();
  const told = returns === undefined ? uids : named(uids, returns);
  const inOrder = (): number[] => told.toSorted((a, b) => a - b);
  const highest = withModSeq && told.length > 0 ? highestModSeq(view.mailbox.summaries(inOrder())) : undefined;
  if (returns === undefined) {
    const modSeq = highest === undefined ? "" : ` (MODSEQ ${highest})`;
    session.output.write(`* SORT${numbers.length === 0 ? "" : " "}${numbers.join(" ")}${modSeq}\r\n`);
  } else {
    session.output.write(formatEsearch(session.tag, uid, numbers, returns, highest));
    if (returns.options.has("SAVE")) view.save(inOrder());
  }
  if (follow) follow(uids);
  return {
    text: "SORT completed",
    expunge: uid && !hasSequenceNumbers(key),
    afterwards: () => session.options.sortables.keep(view.mailbox, session.pace),
  };
}
