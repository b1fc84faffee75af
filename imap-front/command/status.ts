import type { Handler } from "../dispatch.ts";
import { existingMailbox } from "../mailbox-argument.ts";
import type { LoggedIn } from "../state.ts";
import { formatStatus, parseStatusItems } from "../status-items.ts";

/** RFC 9051 section 6.3.11. */
export const status: Handler<LoggedIn> = async (session, state, args) => {
  args.space();
  const name = args.mailbox();
  args.space();
  const items = parseStatusItems(args);
  args.end();
  if (items.includes("HIGHESTMODSEQ")) session.enableCondStore();
  const mailbox = existingMailbox(state.store, name);
  await mailbox.ready();
  session.output.write(formatStatus(mailbox, items, state.store.appendLimit, session.utf8Names));
  return "STATUS completed";
};
