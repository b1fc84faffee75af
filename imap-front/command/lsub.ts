import type { Handler } from "../dispatch.ts";
import { ancestors } from "../list/mailbox-tree.ts";
import { matchesPattern } from "../list/pattern.ts";
import type { LoggedIn } from "../state.ts";
import { formatMailbox } from "../wire/format.ts";
import { normaliseMailboxName } from "../wire/mailbox-name.ts";

/** RFC 3501 section 6.3.9: subscriptions, and levels above them that `%` stops at. */
export const lsub: Handler<LoggedIn> = async (session, state, args) => {
  args.space();
  const reference = args.mailbox();
  args.space();
  const pattern = normaliseMailboxName(reference + args.listMailbox());
  args.end();
  const subscriptions = state.store.subscriptions();
  const found = new Map<string, boolean>();
  for (const name of subscriptions) {
    if (matchesPattern(name, pattern)) found.set(name, true);
    else if (pattern.endsWith("%"))
      for (const parent of ancestors(name))
        if (!found.has(parent) && matchesPattern(parent, pattern)) found.set(parent, false);
    if (session.pace.due) await session.pace.yield();
  }
  for (const [name, subscribed] of [...found].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const selectable = subscribed && state.store.mailbox(name) !== undefined;
    session.output.write(
      `* LSUB (${selectable ? "" : "\\Noselect"}) "/" ${formatMailbox(name, session.utf8Names)}\r\n`,
    );
    if (session.output.full) await session.output.flush();
  }
  return "LSUB completed";
};
