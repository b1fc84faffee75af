import type { Handler } from "../dispatch.ts";
import { hasSequenceNumbers, parseSortCriteria } from "../search/criteria.ts";
import { evaluate, searchContext } from "../search/evaluate.ts";
import { learnRows } from "../sort/learn-rows.ts";
import type { Kind } from "../sort/sort-columns.ts";
import type { Selected } from "../state.ts";
import { threadBySubject } from "../thread/ordered-subject.ts";
import { threadByReferences } from "../thread/references.ts";
import { SyntaxFailure } from "../wire/scanner.ts";

/** RFC 5256 section 3. */
export const thread: Handler<Selected> = async (session, { view }, args, uid) => {
  args.space();
  const algorithm = args.keyword();
  if (algorithm !== "ORDEREDSUBJECT" && algorithm !== "REFERENCES") throw new SyntaxFailure("unknown algorithm");
  args.space();
  const key = parseSortCriteria(session, args);
  const { limits, pace } = session;
  const byReferences = algorithm === "REFERENCES";
  const found = await evaluate(searchContext(session, view), key, view.uids);
  const columns = await session.options.sortables.of(view.mailbox);
  const wanted: Kind = byReferences ? "links" : "fields";
  const rows = await learnRows(session, view.mailbox, columns, found, new Set([wanted]));
  const forest = byReferences
    ? await threadByReferences(columns, rows, limits.threadDepth, pace)
    : await threadBySubject(columns, rows, pace);
  const name = (message: number): number => {
    const number = columns.uids[rows[message] as number] as number;
    return uid ? number : view.sequenceOf(number);
  };
  session.output.write(`* THREAD${rows.length === 0 ? "" : " "}`);
  for (const piece of forest.format(name)) {
    session.output.write(piece);
    if (pace.due) await pace.yield();
  }
  session.output.write("\r\n");
  return {
    text: "THREAD completed",
    expunge: uid && !hasSequenceNumbers(key),
    afterwards: () => session.options.sortables.keep(view.mailbox, session.pace),
  };
};
