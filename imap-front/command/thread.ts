import type { Handler } from "../dispatch.ts";
import { hasSequenceNumbers, parseSortCriteria } from "../search/criteria.ts";
import { evaluate, searchContext } from "../search/evaluate.ts";
import { sortables } from "../sort/sortables.ts";
import type { Selected } from "../state.ts";
import { threadBySubject } from "../thread/ordered-subject.ts";
import { threadByReferences } from "../thread/references.ts";
import { formatThreads } from "../thread/thread-node.ts";
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
  const messages = await sortables(session, view, found, { fields: true, links: byReferences });
  const roots = byReferences
    ? await threadByReferences(messages, limits.threadDepth, pace)
    : await threadBySubject(messages, pace);
  const threads = formatThreads(roots, (number) => (uid ? number : view.sequenceOf(number)));
  session.output.write(`* THREAD${threads === "" ? "" : ` ${threads}`}\r\n`);
  return { text: "THREAD completed", expunge: uid && !hasSequenceNumbers(key) };
};
