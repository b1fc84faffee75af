import type { Handler } from "../dispatch.ts";
import { CommandFailure } from "../reply.ts";
import type { Session } from "../session.ts";
import type { Selected } from "../state.ts";
import type { MailboxView } from "../view.ts";

/** Messages looked at between two looks at the clock. */
const BATCH = 512;

/** EXPUNGE (RFC 9051 section 6.4.3) and UID EXPUNGE (section 6.4.9); the EXPUNGE responses come with the session's news. */
export const expunge: Handler<Selected> = async (session, { view }, args, uid) => {
  let candidates = view.uids;
  if (uid) {
    args.space();
    candidates = view.resolve(args.messageSet(), true);
  }
  args.end();
  if (view.readOnly) throw new CommandFailure("NO", "CANNOT", "the mailbox was opened to be read only");
  const uids = await deletedMessages(session, view, candidates);
  const gone = uids.length === 0 ? [] : await view.mailbox.expunge(uids, view);
  view.noteExpunged(gone);
  return `${gone.length === 0 ? "" : highestModSeq(session, view)}EXPUNGE completed`;
};

/** `[HIGHESTMODSEQ n] ` for a client that enabled QRESYNC (RFC 7162 section 3.2.7). */
export function highestModSeq(session: Session, view: MailboxView): string {
  return session.qresync ? `[HIGHESTMODSEQ ${view.mailbox.status().highestModSeq}] ` : "";
}

/** Those of the messages that are `\Deleted`. */
export async function deletedMessages(
  session: Session,
  view: MailboxView,
  candidates: readonly number[],
): Promise<number[]> {
  const deleted: number[] = [];
  if (view.mailbox.status().deleted === 0) return deleted;
  for (let i = 0; i < candidates.length; i += BATCH) {
    for (const message of view.mailbox.summaries(candidates.slice(i, i + BATCH)))
      if (message.flags.includes("\\Deleted")) deleted.push(message.uid);
    if (session.pace.due) await session.pace.yield();
  }
  return deleted;
}
