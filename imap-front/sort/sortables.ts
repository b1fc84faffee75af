import type { Session } from "../session.ts";
import type { MailboxView } from "../view.ts";
import type { Sortable } from "./sort-key.ts";

/** Messages whose index rows are read at a time. */
const BATCH = 256;

/** The messages with what they are sorted by; those that are gone are left out. */
export async function sortables(
  session: Session,
  view: MailboxView,
  uids: readonly number[],
  withFields: boolean,
): Promise<Sortable[]> {
  const found: Sortable[] = [];
  const fieldsOf = session.options.sortFields.reader(view.mailbox);
  for (let i = 0; i < uids.length; i += BATCH) {
    for (const { uid, internalDate, size } of view.mailbox.summaries(uids.slice(i, i + BATCH)))
      found.push({ uid, internalDate, size, fields: withFields ? fieldsOf(uid) : undefined });
    if (session.pace.due) await session.pace.yield();
    session.signal.throwIfAborted();
  }
  return found;
}
