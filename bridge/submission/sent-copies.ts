import type { Database } from "../../foundation/database.ts";
import type { AppendMerger } from "../../maildir/store.ts";
import { messageId, parseMessageIds } from "../../mime/message-ids.ts";
import { BodyHash } from "./body-hash.ts";

/** A letter that the bridge filed in Sent when it was submitted. */
export interface SentCopy {
  /** As the mail program wrote it; what goes out may have another one. */
  readonly messageId: string;
  readonly mailboxId: string;
  readonly uid: number;
  /** SHA-256 of the body without regard to line ends and empty lines at its end. */
  readonly bodyHash: Uint8Array;
  readonly sentAt: number;
}

/** Longest time between a submission and the mail program's own APPEND to Sent: it may have been offline in between. */
const MERGE_WINDOW = 30 * 24 * 3600 * 1000;

/**
 * Knows what was filed in Sent at submission, so that a mail program which files its own copy afterwards does not make
 * a second one. The same Message-ID alone is not enough: the body must be the same too.
 */
export class SentCopies {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Inside the transaction that files the copy. */
  remember(copy: SentCopy): void {
    const id = parseMessageIds(copy.messageId)[0] ?? copy.messageId;
    this.#db.sqlite
      .prepare("INSERT OR REPLACE INTO sent_copy (message_id, uid, mailbox, body_hash, sent_at) VALUES (?, ?, ?, ?, ?)")
      .run(id, copy.uid, copy.mailboxId, copy.bodyHash, copy.sentAt);
  }

  /** Of a copy that was taken out again. Inside the caller's transaction. */
  forget(mailboxId: string, uid: number): void {
    this.#db.sqlite.prepare("DELETE FROM sent_copy WHERE mailbox = ? AND uid = ?").run(mailboxId, uid);
  }

  /** Forgets what no mail program files any more. */
  forgetOld(now: number): void {
    this.#db.sqlite.prepare("DELETE FROM sent_copy WHERE sent_at < ?").run(now - MERGE_WINDOW);
  }

  /** For the Maildir: recognises what a mail program files in Sent although the bridge has. */
  merger(mailbox: { readonly id: string; readonly specialUse: string | undefined }): AppendMerger | undefined {
    if (mailbox.specialUse !== "\\Sent") return undefined;
    const bodyHash = new BodyHash();
    return {
      watch: (content) => bodyHash.watch(content),
      existing: ({ header }) => {
        const id = messageId(header);
        return id === undefined ? undefined : this.#find(mailbox.id, id, bodyHash.digest());
      },
    };
  }

  #find(mailboxId: string, messageId: string, bodyHash: Uint8Array): number | undefined {
    const uid = this.#db.sqlite
      .prepare("SELECT uid FROM sent_copy WHERE message_id = ? AND mailbox = ? AND body_hash = ?")
      .pluck()
      .get(messageId, mailboxId, bodyHash);
    return typeof uid === "number" ? uid : undefined;
  }
}
