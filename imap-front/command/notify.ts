import type { Handler } from "../dispatch.ts";
import { type EventGroup, parseEventGroups } from "../notify/event-group.ts";
import { Notifications } from "../notify/notifications.ts";
import type { LoggedIn } from "../state.ts";
import { SyntaxFailure } from "../wire/scanner.ts";

/** RFC 5465 section 3.1: `"NONE" / "SET" [SP "STATUS"] SP event-groups`. What was asked for before ends. */
export const notify: Handler<LoggedIn> = async (session, { store }, args) => {
  args.space();
  const kind = args.keyword();
  let groups: readonly EventGroup[] = [];
  let withStatus = false;
  if (kind === "SET") {
    args.space();
    withStatus = args.take("STATUS");
    if (withStatus) args.space();
    groups = parseEventGroups(args, session.limits);
  } else if (kind !== "NONE") throw new SyntaxFailure("expected SET or NONE");
  args.end();

  if (groups.some(({ items }) => items.some((item) => item.kind === "MODSEQ"))) session.enableCondStore();
  // It watches already while the old news are told, so that nothing falls between.
  const next = new Notifications(store, session, groups, session.limits.notices);
  try {
    if (kind === "SET") await session.news.tellEverything();
    if (withStatus)
      for (const text of next.statuses()) {
        session.output.write(text);
        if (session.output.full) await session.output.flush();
        if (session.pace.due) await session.pace.yield();
      }
  } catch (error) {
    next.close();
    throw error;
  }
  session.news.setNotifications(next, store);
  return "NOTIFY completed";
};
