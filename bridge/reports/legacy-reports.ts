import type { Database } from "../../foundation/database.ts";
import type { LegacyReport, LegacyReporter } from "../../legacy-gateway/ports.ts";
import type { Maildir } from "../../maildir/store.ts";
import type { Account } from "../account.ts";
import { fileNotice } from "../notices/file-notice.ts";
import { formatDeliveryReport } from "./delivery-report.ts";
import { returnedContent } from "./letter-reports.ts";

/** Which of RFC 3461's events each action is. */
const EVENTS: Readonly<Record<LegacyReport["action"], string>> = {
  failed: "failure",
  delayed: "delay",
  relayed: "success",
};

const SENTENCES: Readonly<Record<LegacyReport["action"], (server: string) => string>> = {
  failed: (server) => `${server} does not take it. It says:`,
  delayed: (server) => `${server} does not take it yet, and is tried on. It says:`,
  relayed: (server) => `${server} has it. Whether it came any further is not known here.`,
};

/** Files in INBOX what a provider says of a letter, in its own words, if its sender wants to know. */
export function createLegacyReporter(parts: {
  readonly db: Database;
  readonly account: Account;
  readonly maildir: Maildir;
  readonly now: () => number;
}): LegacyReporter {
  const { db, account, maildir } = parts;
  return async ({ action, letter, delivery, status, words, server, retryUntil }, settle) => {
    if (!delivery.notify.has(EVENTS[action])) return await db.commit(settle);
    const now = parts.now();
    const { mailbox: mailboxId, uid, ret } = letter;
    const returned = await returnedContent(maildir, { mailboxId, uid, ret }, action);
    const content = formatDeliveryReport({
      action,
      to: account.address,
      recipient: delivery.recipient,
      ...(delivery.originalRecipient !== undefined && { originalRecipient: delivery.originalRecipient }),
      status,
      explanation: [SENTENCES[action](server), ...(words === "" ? [] : [`    ${words}`])].join("\r\n"),
      ...(words !== "" && { diagnostic: { server, words } }),
      originalMessageId: letter.messageId,
      ...(letter.envid !== undefined && { envid: letter.envid }),
      sentAt: letter.since,
      ...(retryUntil !== undefined && { retryUntil }),
      now,
      ...(returned !== undefined && { returned }),
    });
    await fileNotice({ db, maildir }, { content, now }, settle);
  };
}
