import type { Session } from "../session.ts";
import type { Mailbox } from "../store.ts";
import type { MailboxView } from "../view.ts";
import type { Sortable, Wanted } from "./sort-key.ts";
import type { KnownSortables } from "./sortable-cache.ts";

/** Messages that are looked at between two looks at the clock: some milliseconds, where nothing is known of them. */
const BATCH = 256;

/** The messages, with what is wanted of them; those that are gone may be left out. */
export async function sortables(
  session: Session,
  { mailbox }: MailboxView,
  uids: readonly number[],
  wanted: Wanted,
): Promise<Sortable[]> {
  const found: Sortable[] = [];
  const cache = session.options.sortables;
  const known = cache.of(mailbox);
  for (let i = 0; i < uids.length; i += BATCH) {
    const batch = uids.slice(i, i + BATCH);
    const read = new Map<number, Sortable>();
    for (const { uid, internalDate, size } of mailbox.summaries(batch.filter((uid) => !known.messages.has(uid))))
      read.set(uid, { uid, internalDate, size, fields: undefined, addresses: undefined, links: undefined });
    const messages = batch.map((uid) => known.messages.get(uid) ?? read.get(uid)).filter((one) => one !== undefined);
    learn(mailbox, known, messages, wanted, session.limits.threadReferences);
    for (const message of messages) found.push(message);
    for (const message of read.values()) cache.remember(mailbox, known, message);
    session.progress?.at(i, uids.length);
    if (session.pace.due) await session.pace.yield();
    session.signal.throwIfAborted();
  }
  return found;
}

/** Reads what is wanted and not known yet; of a message that is gone nothing is. */
function learn(
  mailbox: Mailbox,
  known: KnownSortables,
  messages: readonly Sortable[],
  wanted: Wanted,
  references: number,
): void {
  if (wanted.fields === true) {
    const missing = messages.filter(({ fields }) => fields === undefined);
    for (const [index, fields] of mailbox.sortFields(missing.map(uidOf)).entries())
      (missing[index] as Sortable).fields = fields && known.fields(fields);
  }
  if (wanted.addresses === true) {
    const missing = messages.filter(({ addresses }) => addresses === undefined);
    for (const [index, addresses] of mailbox.sortAddresses(missing.map(uidOf)).entries())
      (missing[index] as Sortable).addresses = addresses && known.addresses(addresses);
  }
  if (wanted.links === true) {
    const missing = messages.filter(({ links }) => links === undefined);
    for (const [index, links] of mailbox.threadLinks(missing.map(uidOf)).entries())
      (missing[index] as Sortable).links = links && known.links(links, references);
  }
}

function uidOf({ uid }: Sortable): number {
  return uid;
}
