import type { Handler } from "../dispatch.ts";
import { formatDeleted } from "../list/list-response.ts";
import type { LoggedIn } from "../state.ts";

/** RFC 9051 section 6.3.5. Whoever removes the mailbox that is selected is left without one. */
export const remove: Handler<LoggedIn> = async (session, state, args) => {
  args.space();
  const { name, given } = args.mailboxAsGiven();
  args.end();
  await state.store.remove(name, session.origin);
  if (state.kind === "selected" && state.view.removed) {
    session.unselect();
    session.output.write("* OK [CLOSED] the selected mailbox is gone\r\n");
  }
  if (session.rev2 && name !== given) session.output.write(formatDeleted(name, given, session.utf8Names));
  return "DELETE completed";
};
