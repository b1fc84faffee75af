import type { Database } from "../../foundation/database.ts";
import type { Maildir } from "../../maildir/store.ts";

/** Puts a message of the bridge's own into INBOX; `settle` runs in the same transaction. Durable when it resolves. */
export async function fileNotice(
  { db, maildir }: { readonly db: Database; readonly maildir: Maildir },
  notice: { readonly content: Uint8Array; readonly now: number },
  settle?: () => void,
): Promise<void> {
  const { content, now: internalDate } = notice;
  const inbox = maildir.mailbox("INBOX");
  if (inbox === undefined) throw new Error("there is no INBOX");
  const staged = await maildir.stage(only(content), { mailboxId: inbox.id, internalDate });
  try {
    await db.commit(() => {
      maildir.insert(inbox.id, staged, { flags: [], internalDate });
      settle?.();
    });
  } catch (error) {
    await maildir.discard(staged);
    throw error;
  }
}

async function* only(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}
