import type { Mailbox, MailStore } from "../store.ts";
import { formatMailbox } from "../wire/format.ts";

/**
 * The `* LIST` line of one mailbox, unasked (RFC 9051 sections 6.3.2, 6.3.4 and 6.3.6); with OLDNAME where the client gave the
 * name in another spelling (section 6.3.9.7).
 */
export function formatListed(store: MailStore, mailbox: Mailbox, given: string, utf8: boolean): string {
  const hasChildren = store.mailboxes().some(({ name }) => name.startsWith(`${mailbox.name}/`));
  const attributes: string[] = [hasChildren ? "\\HasChildren" : "\\HasNoChildren"];
  if (mailbox.specialUse !== undefined) attributes.push(mailbox.specialUse);
  if (store.subscriptions().has(mailbox.name)) attributes.push("\\Subscribed");
  const oldName = given === mailbox.name ? "" : ` ("OLDNAME" (${formatMailbox(given, utf8)}))`;
  return `* LIST (${attributes.join(" ")}) "/" ${formatMailbox(mailbox.name, utf8)}${oldName}\r\n`;
}

/** The `* LIST` line of a name as it is now, a mailbox or not; with OLDNAME where it was renamed (RFC 5465 section 5.4). */
export function formatName(store: MailStore, name: string, oldName: string | undefined, utf8: boolean): string {
  const mailbox = store.mailbox(name);
  if (mailbox !== undefined) return formatListed(store, mailbox, oldName ?? mailbox.name, utf8);
  const hasChildren = store.mailboxes().some((other) => other.name.startsWith(`${name}/`));
  const attributes = ["\\NonExistent", hasChildren ? "\\HasChildren" : "\\HasNoChildren"];
  if (store.subscriptions().has(name)) attributes.push("\\Subscribed");
  const old = oldName === undefined ? "" : ` ("OLDNAME" (${formatMailbox(oldName, utf8)}))`;
  return `* LIST (${attributes.join(" ")}) "/" ${formatMailbox(name, utf8)}${old}\r\n`;
}

/** The `* LIST` line of a mailbox that is gone and was named in another spelling (RFC 9051 section 6.3.5). */
export function formatDeleted(name: string, given: string, utf8: boolean): string {
  return `* LIST (\\NonExistent) "/" ${formatMailbox(name, utf8)} ("OLDNAME" (${formatMailbox(given, utf8)}))\r\n`;
}
