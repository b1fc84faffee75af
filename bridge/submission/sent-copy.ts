import { type Content, withHead } from "../../foundation/content.ts";
import type { Maildir, MaildirMailbox } from "../../maildir/store.ts";
import type { OutgoingLetter } from "../translate/outgoing.ts";
import { BodyHash } from "./body-hash.ts";
import type { SentCopies } from "./sent-copies.ts";

/** The sender's own copy of a letter, durable but in no mailbox yet. */
export interface StagedSentCopy {
  /** Inside the transaction that makes the rest true; the copy's UID in Sent. */
  file(keywords?: readonly string[]): number;
  discard(): Promise<void>;
}

/** Writes the copy, and notes what a mail program's own copy of the same letter will be known by. @throws Failure too-big, full */
export async function stageSentCopy(
  parts: { readonly maildir: Maildir; readonly sentCopies: SentCopies },
  copy: {
    readonly sent: MaildirMailbox;
    readonly letter: Pick<OutgoingLetter, "originalMessageId" | "messageId">;
    readonly header: Buffer;
    readonly body: Content;
    /** Milliseconds since 1970. */
    readonly now: number;
  },
): Promise<StagedSentCopy> {
  const { maildir, sentCopies } = parts;
  const { sent, letter, header, body, now } = copy;
  const bodyHash = new BodyHash();
  const content = bodyHash.watch(withHead(header, body));
  const staged = await maildir.stage(content, { mailboxId: sent.id, internalDate: now });
  return {
    file(keywords = []) {
      const uid = maildir.insert(sent.id, staged, { flags: ["\\Seen", ...keywords], internalDate: now });
      const messageId = letter.originalMessageId ?? letter.messageId;
      sentCopies.remember({ messageId, mailboxId: sent.id, uid, bodyHash: bodyHash.digest(), sentAt: now });
      return uid;
    },
    discard: async () => await maildir.discard(staged),
  };
}
