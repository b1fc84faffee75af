import type { Mailbox, MailStore } from "../store.ts";

/** A name that LIST may show: a mailbox, a level above one, or a subscription without a mailbox. */
export interface ListEntry {
  readonly name: string;
  readonly mailbox: Mailbox | undefined;
  readonly subscribed: boolean;
  hasChildren: boolean;
}

/** Every name of the store with the levels above, INBOX first and the others in order. */
export function mailboxTree(store: MailStore): ListEntry[] {
  const subscriptions = store.subscriptions();
  const entries = new Map<string, ListEntry>();
  const add = (name: string, mailbox: Mailbox | undefined) =>
    entries.set(name, { name, mailbox, subscribed: subscriptions.has(name), hasChildren: false });
  for (const mailbox of store.mailboxes()) add(mailbox.name, mailbox);
  for (const { name } of store.mailboxes()) {
    for (const parent of ancestors(name)) {
      const entry = entries.get(parent);
      if (entry === undefined) add(parent, undefined);
      (entries.get(parent) as ListEntry).hasChildren = true;
    }
  }
  for (const name of subscriptions) if (!entries.has(name)) add(name, undefined);
  const key = (name: string) => (name === "INBOX" ? "" : name);
  return [...entries.values()].sort((a, b) => (key(a.name) < key(b.name) ? -1 : 1));
}

/** The levels above a name, from the nearest. */
export function* ancestors(name: string): Generator<string, void> {
  for (let at = name.lastIndexOf("/"); at > 0; at = name.lastIndexOf("/", at - 1)) yield name.slice(0, at);
}
