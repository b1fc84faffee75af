import type { ImapFlow } from "imapflow";
import type { Database } from "../../foundation/database.ts";
import type { Account } from "../accounts/account.ts";
import { LetterAppender } from "../provider/append-letters.ts";
import { openImap } from "../provider/imap-connection.ts";
import type { LoginSource } from "../provider/login.ts";
import type { LegacyOutbox, OutgoingLetter } from "./outbox.ts";

export interface ProviderCopiesOptions {
  readonly account: Account;
  readonly db: Database;
  readonly outbox: LegacyOutbox;
  readonly login: LoginSource;
  readonly notify: (subject: string, text: string) => void;
}

/**
 * Files in the provider's Sent what was sent and is to be there too, over a connection of its own. A letter that is there
 * already, by the provider itself or from before a crash, is not filed again. @throws Failure unavailable, forbidden
 */
export async function fileProviderCopies(options: ProviderCopiesOptions, signal: AbortSignal): Promise<void> {
  const { account, db, outbox, login, notify } = options;
  const settle = async ({ letter }: OutgoingLetter): Promise<void> => await db.commit(() => outbox.setCopied(letter));
  const { imap: server, proxy, address: isolation } = account;
  const client = await openImap({ server, login, proxy, isolation, signal, compress: false });
  let appender: LetterAppender | undefined;
  const stop = (): void => appender?.close();
  signal.addEventListener("abort", stop);
  try {
    const sent = await sentFolder(client);
    await client.mailboxOpen(sent.path, { readOnly: true });
    const missing: OutgoingLetter[] = [];
    for (const letter of outbox.copiesDue(account.id)) {
      if (await isThere(client, letter.messageId)) await settle(letter);
      else missing.push(letter);
    }
    if (missing.length === 0) return;
    appender = new LetterAppender(client, sent.listed);
    for (const letter of missing) {
      const { size, since: date } = letter;
      const appended = await appender.append({ size, date, content: outbox.content(letter.letter) });
      if (appended.kind === "refused")
        notify(
          "A copy was not filed in your provider's Sent",
          `${account.address}: the letter was sent, and is in Sent here. Your provider does not take a copy: ${appended.words}`,
        );
      await settle(letter);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    appender?.close();
    client.close();
  }
}

/** The provider's folder for sent letters, as its client and as it itself calls it; made where there is none. */
async function sentFolder(client: ImapFlow): Promise<{ readonly path: string; readonly listed: string }> {
  const found = (await client.list()).find(({ specialUse }) => specialUse === "\\Sent");
  if (found !== undefined && !found.flags.has("\\NonExistent")) return { path: found.path, listed: found.pathAsListed };
  const { path } = await client.mailboxCreate(found?.path ?? "Sent");
  return { path, listed: found?.pathAsListed ?? path };
}

async function isThere(client: ImapFlow, messageId: string): Promise<boolean> {
  const found = await client.search({ header: { "message-id": messageId } }, { uid: true });
  return Array.isArray(found) && found.length > 0;
}
