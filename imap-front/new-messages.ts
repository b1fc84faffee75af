import { sendMessages } from "./command/fetch.ts";
import { distinctItems, type FetchItem, itemKey } from "./fetch-items.ts";
import type { Session } from "./session.ts";
import type { MailboxView } from "./view.ts";

/** Which items are to be told of a new message, by its UID. */
export type WantedItems = ReadonlyMap<number, readonly FetchItem[]>;

/**
 * FETCH responses for new messages, one for each (RFC 5465 sections 5.2 and 7): with what its UID asks for in `wanted`
 * and with `always`. A message that is gone or cannot be read is left out.
 */
export async function tellNewMessages(
  session: Session,
  view: MailboxView,
  uids: readonly number[],
  { wanted, always }: { wanted?: WantedItems; always: readonly FetchItem[] },
): Promise<void> {
  const groups = new Map<string, { items: readonly FetchItem[]; uids: number[] }>();
  for (const uid of uids) {
    const asked = always.concat(wanted?.get(uid) ?? []);
    if (asked.length === 0) continue;
    const items = distinctItems(session.tellsUids && !session.uidOnly ? [{ kind: "UID" } as const, ...asked] : asked);
    const key = items.map(itemKey).join("\n");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { items, uids: [uid] });
    else group.uids.push(uid);
  }
  for (const group of groups.values()) await sendMessages(session, view, group.uids, group.items);
}
