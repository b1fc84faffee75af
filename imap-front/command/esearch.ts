import { Failure } from "../../foundation/failure.ts";
import type { Completion, Handler } from "../dispatch.ts";
import { isMeant, type MailboxFilter, parseMailboxFilter } from "../mailbox-filter.ts";
import { hasSequenceNumbers, mentions, parseCriteria } from "../search/criteria.ts";
import { evaluate } from "../search/evaluate.ts";
import { formatEsearch, highestModSeq, named, parseReturns, RETURN_ALL, type Returns } from "../search/returns.ts";
import { savingResult } from "../search/saved-result.ts";
import type { SearchKey } from "../search/search-key.ts";
import type { Session } from "../session.ts";
import type { LoggedIn } from "../state.ts";
import type { Mailbox } from "../store.ts";
import { MailboxView } from "../view.ts";
import { formatMailbox } from "../wire/format.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";

/** RFC 7377: one search through many mailboxes, with an answer for each in which something is found. UPDATE follows the selected one alone. */
export const esearch: Handler<LoggedIn> = async (session, state, args) => {
  args.space();
  const filters = parseSource(args);
  const returns = parseReturns(args, session.limits) ?? RETURN_ALL;
  const view = state.kind === "selected" ? state.view : undefined;
  const ofSelected = filters.some(({ kind }) => kind === "SELECTED");
  if (ofSelected && view === undefined) throw new SyntaxFailure("select a mailbox first, or name those to search");
  if (returns.update && view === undefined)
    throw new SyntaxFailure("select a mailbox first: UPDATE is of that one alone");
  if (returns.update) session.followed.checkTag(session.tag);
  const saves = returns.options.has("SAVE");
  if (saves && (!ofSelected || filters.length > 1)) throw new SyntaxFailure("only a search of SELECTED can be saved");
  const run = async (): Promise<Completion> => {
    const key = parseCriteria(session, args);
    if (mentions(key, isModSeq)) session.enableCondStore();
    for (const mailbox of mailboxesToSearch(state, filters)) {
      await searchMailbox(session, mailbox, { returns, key }, view?.mailbox.id === mailbox.id ? view : undefined);
      if (session.output.full) await session.output.flush();
      if (session.pace.due) await session.pace.yield();
    }
    return { text: "ESEARCH completed", expunge: !hasSequenceNumbers(key) };
  };
  return view === undefined ? await run() : await savingResult(view, returns, run);
};

const isModSeq = ({ kind }: SearchKey) => kind === "modSeq";

/** `["IN" SP "(" filter-mailboxes *(SP filter-mailboxes) ")" SP]`; no scope options are defined. What is selected, where it is missing. */
function parseSource(args: Scanner): MailboxFilter[] {
  if (!args.take("IN (")) return [{ kind: "SELECTED" }];
  const filters: MailboxFilter[] = [];
  do {
    if (filters.length > 0) args.space();
    if (args.peek() === "(" && filters.length > 0) throw new SyntaxFailure("unknown scope option");
    const filter = parseMailboxFilter(args);
    if (filter.kind === "SELECTED-DELAYED") throw new SyntaxFailure("SELECTED-DELAYED cannot be searched");
    filters.push(filter);
  } while (!args.take(")"));
  args.space();
  return filters;
}

/** Each once; what does not exist is passed over, as is what does not any more (section 5). */
function mailboxesToSearch(state: LoggedIn, filters: readonly MailboxFilter[]): Mailbox[] {
  const { store } = state;
  const selected = state.kind === "selected" && filters.some(({ kind }) => kind === "SELECTED");
  const id = selected ? state.view.mailbox.id : undefined;
  return store
    .mailboxes()
    .filter((mailbox) => mailbox.id === id || filters.some((filter) => isMeant(filter, mailbox, store)));
}

/** `selected`: the client's own view, if it has this mailbox selected; sequence numbers are then those that it knows. */
async function searchMailbox(
  session: Session,
  mailbox: Mailbox,
  { returns, key }: { returns: Returns; key: SearchKey },
  selected: MailboxView | undefined,
): Promise<void> {
  const { pace, signal, options } = session;
  const view = selected ?? new MailboxView(mailbox, true);
  try {
    const name = formatMailbox(mailbox.name, session.utf8Names);
    const correlators = ` MAILBOX ${name} UIDVALIDITY ${mailbox.uidValidity}`;
    const follow =
      returns.update &&
      selected !== undefined &&
      session.followed.begin(session, view, {
        tag: session.tag,
        uid: true,
        key,
        sort: undefined,
        items: returns.updateItems,
        correlators,
      });
    const uids = await evaluate({ view, now: options.clock.now(), pace, signal }, key, view.uids);
    const told = named(uids, returns);
    if (returns.options.has("SAVE")) selected?.save(told.toSorted((a, b) => a - b));
    if (follow) follow(uids);
    if (uids.length === 0) return;
    const highest = mentions(key, isModSeq) && told.length > 0 ? highestModSeq(mailbox.summaries(told)) : undefined;
    session.output.write(formatEsearch(session.tag, true, uids, returns, highest, correlators));
  } catch (error) {
    if (!(error instanceof Failure && error.code === "nonexistent")) throw error;
  } finally {
    if (view !== selected) view.close();
  }
}
