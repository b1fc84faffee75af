import type { Handler } from "../dispatch.ts";
import { formatListed } from "../list/list-response.ts";
import { existingMailbox, newMailboxName } from "../mailbox-argument.ts";
import type { LoggedIn } from "../state.ts";

/** RFC 9051 section 6.3.6; IMAP4rev2 is told what became of names that were not normalised. */
export const rename: Handler<LoggedIn> = async (session, state, args) => {
  args.space();
  const { name: from, given: givenFrom } = args.mailboxAsGiven();
  args.space();
  const { name: to, given: givenTo } = args.mailboxAsGiven();
  args.end();
  const hasChildren = state.store.mailboxes().some(({ name }) => name.startsWith(`${from}/`));
  if (!hasChildren) existingMailbox(state.store, from);
  const newName = newMailboxName(to, session.limits);
  await state.store.rename(from, newName, session.origin);
  const renamed = state.store.mailbox(newName);
  if (session.rev2 && renamed !== undefined && (from !== givenFrom || to !== givenTo))
    session.output.write(formatListed(state.store, renamed, givenFrom, session.utf8Names));
  return "RENAME completed";
};
