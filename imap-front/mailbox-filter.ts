import { ancestors } from "./list/mailbox-tree.ts";
import type { Mailbox, MailStore } from "./store.ts";
import { type Scanner, SyntaxFailure } from "./wire/scanner.ts";

/** Which mailboxes are meant (RFC 5465 section 6, and `subtree-one` of RFC 7377 section 2.2). */
export type MailboxFilter =
  | { readonly kind: "SELECTED" | "SELECTED-DELAYED" | "INBOXES" | "PERSONAL" | "SUBSCRIBED" }
  | { readonly kind: "SUBTREE" | "SUBTREE-ONE" | "MAILBOXES"; readonly names: ReadonlySet<string> };

/** `filter-mailboxes`; wildcards in names are nothing special. */
export function parseMailboxFilter(args: Scanner): MailboxFilter {
  const kind = args.keyword();
  switch (kind) {
    case "SELECTED":
    case "SELECTED-DELAYED":
    case "INBOXES":
    case "PERSONAL":
    case "SUBSCRIBED":
      return { kind };
    case "SUBTREE":
    case "SUBTREE-ONE":
    case "MAILBOXES": {
      args.space();
      const names = args.peek() === "(" ? args.list(() => args.mailbox()) : [args.mailbox()];
      if (names.length === 0) throw new SyntaxFailure("expected the name of a mailbox");
      return { kind, names: new Set(names) };
    }
    default:
      throw new SyntaxFailure("unknown mailbox specifier");
  }
}

/** Whether the filter means that mailbox; what is selected is known to the session alone, and never meant here. */
export function isMeant(filter: MailboxFilter, { name }: Pick<Mailbox, "name">, store: MailStore): boolean {
  switch (filter.kind) {
    case "SELECTED":
    case "SELECTED-DELAYED":
      return false;
    case "PERSONAL":
      return true;
    // Nothing is delivered anywhere else.
    case "INBOXES":
      return name === "INBOX";
    case "SUBSCRIBED":
      return store.subscriptions().has(name);
    case "MAILBOXES":
      return filter.names.has(name);
    case "SUBTREE":
      return filter.names.has(name) || [...ancestors(name)].some((parent) => filter.names.has(parent));
    case "SUBTREE-ONE":
      return filter.names.has(name) || filter.names.has(ancestors(name).next().value ?? "");
  }
}
