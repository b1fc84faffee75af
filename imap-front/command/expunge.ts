import { common } from "../ascending.ts";
import type { Handler } from "../dispatch.ts";
import { CommandFailure } from "../reply.ts";
import type { Session } from "../session.ts";
import type { Selected } from "../state.ts";
import type { MailboxView } from "../view.ts";

/** EXPUNGE (RFC 9051 section 6.4.3) and UID EXPUNGE (section 6.4.9); the EXPUNGE responses come with the session's news. */
export const expunge: Handler<Selected> = async (session, { view }, args, uid) => {
  let candidates = view.uids;
  if (uid) {
    args.space();
    candidates = view.resolve(args.messageSet(), true);
  }
  args.end();
  if (view.readOnly) throw new CommandFailure("NO", "CANNOT", "the mailbox was opened to be read only");
  const uids = deletedMessages(view, candidates);
  const gone = uids.length === 0 ? [] : await view.mailbox.expunge(uids, view);
  view.noteExpunged(gone);
  return `${gone.length === 0 ? "" : highestModSeq(session, view)}EXPUNGE completed`;
};

/** `[HIGHESTMODSEQ n] ` for a client that enabled QRESYNC (RFC 7162 section 3.2.7). */
export function highestModSeq(session: Session, view: MailboxView): string {
  return session.qresync ? `[HIGHESTMODSEQ ${view.mailbox.status().highestModSeq}] ` : "";
}

/** Those of the messages, by ascending UID, that are `\Deleted`. */
export function deletedMessages({ mailbox }: MailboxView, candidates: readonly number[]): number[] {
  if (mailbox.status().deleted === 0) return [];
  return common(candidates, mailbox.uidsByFlag("\\Deleted", true));
}
