import type { Handler } from "../dispatch.ts";
import type { Selected } from "../state.ts";
import { deletedMessages } from "./expunge.ts";

/** RFC 9051 section 6.4.1: removes what is `\Deleted` without a word, and leaves the mailbox. */
export const close: Handler<Selected> = async (session, { view }, args) => {
  args.end();
  if (!view.readOnly) {
    const uids = deletedMessages(view, view.uids);
    if (uids.length > 0) await view.mailbox.expunge(uids, view);
  }
  session.unselect();
  return "CLOSE completed";
};

/** RFC 9051 section 6.4.2: leaves the mailbox, removes nothing. */
export const unselect: Handler<Selected> = async (session, _state, args) => {
  args.end();
  session.unselect();
  return "UNSELECT completed";
};
