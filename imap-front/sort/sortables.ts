import { messageId, referencedIds } from "../../mime/message-ids.ts";
import type { Session } from "../session.ts";
import type { MailboxView } from "../view.ts";
import { readSortFields } from "./sort-fields.ts";
import type { MessageLinks, Sortable } from "./sort-key.ts";

/** Messages that are looked at between two looks at the clock. */
const BATCH = 64;

/** What threads are made of. */
const LINKING_FIELDS = new Set(["message-id", "references", "in-reply-to"]);

/** The messages, with the fields and links that are wanted; those that are gone may be left out. */
export async function sortables(
  session: Session,
  { mailbox }: MailboxView,
  uids: readonly number[],
  wanted: { readonly fields?: boolean; readonly links?: boolean },
): Promise<Sortable[]> {
  const found: Sortable[] = [];
  const cache = session.options.sortables;
  const known = cache.known(mailbox);
  const intern = cache.intern(mailbox);
  for (let i = 0; i < uids.length; i += BATCH) {
    const batch = uids.slice(i, i + BATCH);
    const read = new Map<number, Sortable>();
    for (const { uid, internalDate, size } of mailbox.summaries(batch.filter((uid) => !known.has(uid))))
      read.set(uid, { uid, internalDate, size, fields: undefined, links: undefined });
    const messages = batch.map((uid) => known.get(uid) ?? read.get(uid)).filter((message) => message !== undefined);
    if (wanted.fields === true) {
      const missing = messages.filter(({ fields }) => fields === undefined);
      const envelopes = mailbox.envelopes(missing.map(({ uid }) => uid));
      for (const [index, message] of missing.entries()) message.fields = readSortFields(envelopes[index], intern);
    }
    if (wanted.links === true) {
      const missing = messages.filter(({ links }) => links === undefined);
      const headers = mailbox.headerFields(
        missing.map(({ uid }) => uid),
        LINKING_FIELDS,
      );
      for (const [index, message] of missing.entries())
        message.links = readLinks(headers[index] ?? "", session.limits.threadReferences);
    }
    for (const message of messages) found.push(message);
    for (const message of read.values()) cache.remember(mailbox, message);
    session.progress?.at(i, uids.length);
    if (session.pace.due) await session.pace.yield();
    session.signal.throwIfAborted();
  }
  return found;
}

function readLinks(fields: string, limit: number): MessageLinks {
  const header = Buffer.from(fields, "latin1");
  return { id: messageId(header), references: referencedIds(header).slice(-limit) };
}
