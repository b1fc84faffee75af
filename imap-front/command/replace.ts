import type { Handler } from "../dispatch.ts";
import { existingMailbox } from "../mailbox-argument.ts";
import { CommandFailure } from "../reply.ts";
import type { Selected } from "../state.ts";
import type { MailboxView } from "../view.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";
import { appendTo, parseMessage, readMessages } from "./append.ts";
import { highestModSeq } from "./expunge.ts";

/** RFC 8508: the new message is durable before the old one goes, so that a crash in between loses neither. */
export const replace: Handler<Selected> = async (session, state, args, uid) => {
  const { store, view } = state;
  args.space();
  const old = parseOld(args, view, uid);
  args.space();
  const name = args.mailbox();
  args.space();
  const announced = parseMessage(session, args, store.appendLimit);
  if (view.readOnly) throw new CommandFailure("NO", "CANNOT", "the mailbox was opened to be read only");
  if (old === undefined) throw new CommandFailure("NO", "NONEXISTENT", "no message has that UID");
  if (view.isExpunged(old)) throw new CommandFailure("NO", "EXPUNGEISSUED", "the message no longer exists");
  const target = existingMailbox(store, name, "TRYCREATE");
  const [added] = await appendTo(target.append(readMessages(session, state, announced, store.appendLimit, true), view));
  session.output.write(`* OK [APPENDUID ${target.uidValidity} ${added}] the replacement is there\r\n`);
  // A store may tell that it has this very message already: then there is nothing to take away.
  const replaced = added !== old || target.id !== view.mailbox.id;
  if (replaced) view.noteExpunged(await view.mailbox.expunge([old], view));
  return `${replaced ? highestModSeq(session, view) : ""}REPLACE completed`;
};

/** One sequence number or UID; undefined for a UID that does not exist. */
function parseOld(args: Scanner, view: MailboxView, uid: boolean): number | undefined {
  const set = args.sequenceSet();
  const [range] = set;
  if (set.length !== 1 || range === undefined || range[0] !== range[1]) throw new SyntaxFailure("expected one message");
  return view.resolve(set, uid)[0];
}
