import type { Handler } from "../dispatch.ts";
import { existingMailbox, newMailboxName } from "../mailbox-argument.ts";
import type { LoggedIn } from "../state.ts";

/** RFC 9051 section 6.3.6. */
export const rename: Handler<LoggedIn> = async (session, state, args) => {
  args.space();
  const from = args.mailbox();
  args.space();
  const to = args.mailbox();
  args.end();
  const hasChildren = state.store.mailboxes().some(({ name }) => name.startsWith(`${from}/`));
  if (!hasChildren) existingMailbox(state.store, from);
  await state.store.rename(from, newMailboxName(to, session.limits));
  return "RENAME completed";
};
