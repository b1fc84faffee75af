import type { Mailbox, MailboxStatus } from "./store.ts";
import { formatMailbox } from "./wire/format.ts";
import { type Scanner, SyntaxFailure } from "./wire/scanner.ts";

type StatusItem = (mailbox: Mailbox, status: MailboxStatus, appendLimit: number) => number | string;

/** `status-att` of RFC 9051, RECENT of RFC 3501, and those of RFCs 7162, 7889, 8438, 8474 and 9208. */
const ITEMS: ReadonlyMap<string, StatusItem> = new Map<string, StatusItem>([
  ["MESSAGES", (_mailbox, status) => status.messages],
  ["RECENT", (_mailbox, status) => status.recent],
  ["UIDNEXT", (_mailbox, status) => status.uidNext],
  ["UIDVALIDITY", (mailbox) => mailbox.uidValidity],
  ["UNSEEN", (_mailbox, status) => status.unseen],
  ["DELETED", (_mailbox, status) => status.deleted],
  ["DELETED-STORAGE", (_mailbox, status) => status.deletedSize],
  ["SIZE", (_mailbox, status) => status.size],
  ["HIGHESTMODSEQ", (_mailbox, status) => status.highestModSeq],
  ["MAILBOXID", (mailbox) => `(${mailbox.id})`],
  ["APPENDLIMIT", (_mailbox, _status, appendLimit) => appendLimit],
]);

/** `(MESSAGES UNSEEN)`; each item once. */
export function parseStatusItems(args: Scanner): string[] {
  const items = args.list(() => args.keyword());
  if (items.length === 0) throw new SyntaxFailure("expected a status item");
  for (const item of items) if (!ITEMS.has(item)) throw new SyntaxFailure("unknown status item");
  return [...new Set(items)];
}

/** The whole `* STATUS` line. */
export function formatStatus(mailbox: Mailbox, items: readonly string[], appendLimit: number, utf8: boolean): string {
  const status = mailbox.status();
  const values = items.map((item) => `${item} ${ITEMS.get(item)?.(mailbox, status, appendLimit)}`);
  return `* STATUS ${formatMailbox(mailbox.name, utf8)} (${values.join(" ")})\r\n`;
}
