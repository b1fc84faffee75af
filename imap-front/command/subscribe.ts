import type { Handler } from "../dispatch.ts";
import { existingMailbox } from "../mailbox-argument.ts";
import type { LoggedIn } from "../state.ts";

/** RFC 9051 section 6.3.7. */
export const subscribe: Handler<LoggedIn> = async (session, state, args) => {
  args.space();
  const name = args.mailbox();
  args.end();
  await state.store.setSubscribed(existingMailbox(state.store, name).name, true, session.origin);
  return "SUBSCRIBE completed";
};

/** RFC 9051 section 6.3.8; a name that was not subscribed to is no error. */
export const unsubscribe: Handler<LoggedIn> = async (session, state, args) => {
  args.space();
  const name = args.mailbox();
  args.end();
  await state.store.setSubscribed(name, false, session.origin);
  return "UNSUBSCRIBE completed";
};
