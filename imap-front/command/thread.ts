import { messageId, referencedIds } from "../../mime/message-ids.ts";
import type { Handler } from "../dispatch.ts";
import { hasSequenceNumbers, parseSortCriteria } from "../search/criteria.ts";
import { evaluate } from "../search/evaluate.ts";
import { sortables } from "../sort/sortables.ts";
import type { Selected } from "../state.ts";
import type { Mailbox } from "../store.ts";
import { threadBySubject } from "../thread/ordered-subject.ts";
import { type MessageLinks, threadByReferences } from "../thread/references.ts";
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
  const context = { view, now: session.options.clock.now(), pace, signal: session.signal };
  const messages = await sortables(session, view, await evaluate(context, key, view.uids), true);
  const links = (number: number) => linksOf(view.mailbox, number, limits.threadReferences);
  const roots =
    algorithm === "REFERENCES"
      ? await threadByReferences(messages, links, limits.threadDepth, pace)
      : await threadBySubject(messages, pace);
  const threads = formatThreads(roots, (number) => (uid ? number : view.sequenceOf(number)));
  session.output.write(`* THREAD${threads === "" ? "" : ` ${threads}`}\r\n`);
  return { text: "THREAD completed", expunge: uid && !hasSequenceNumbers(key) };
};

function linksOf(mailbox: Mailbox, uid: number, limit: number): MessageLinks {
  const header = mailbox.header(uid) ?? Buffer.alloc(0);
  return { id: messageId(header), references: referencedIds(header).slice(-limit) };
}
