import type { Clock } from "../foundation/clock.ts";
import type { Database } from "../foundation/database.ts";
import { storageFailure } from "../foundation/failure.ts";
import type { Logger } from "../foundation/logger.ts";
import type { AgeRecipient } from "./age/identity.ts";
import type { VaultKey } from "./age/vault-key.ts";
import { type AnnotationChange, type AnnotationIndex, SERVER_ROW } from "./annotations.ts";
import type { ContentIndex } from "./content-index.ts";
import type { DirectorySync } from "./directory-sync.ts";
import type { DiskNames } from "./disk-names.ts";
import type { FileRemoval } from "./file-removal.ts";
import type { ImportLedger } from "./import-ledger.ts";
import type { KeptOctets } from "./kept-octets.ts";
import type { LetterThread } from "./letter-thread.ts";
import type { MailFolders } from "./mail-folders.ts";
import type { MailboxIndex } from "./mailbox-index.ts";
import type { MaildirChange } from "./message.ts";
import type { MessageIndex } from "./message-index.ts";
import type { Quota } from "./quota.ts";
import type { StagedNames } from "./staging.ts";
import type { MaildirOptions } from "./store.ts";
import type { StoredMailbox } from "./stored-mailbox.ts";
import type { TextIndex } from "./text-index.ts";
import type { UnfinishedIndex } from "./unfinished-index.ts";

/** What the mailboxes of one Maildir share. */
export interface Storage {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly vault: VaultKey;
  /** For whom files are sealed: the vault and the paper key. */
  readonly recipients: readonly AgeRecipient[];
  /** Where small letters are sealed and written. */
  readonly letters: LetterThread;
  readonly appendLimit: number;
  readonly appendMerger: MaildirOptions["appendMerger"];
  readonly mailboxes: MailboxIndex;
  readonly messages: MessageIndex;
  readonly contents: ContentIndex;
  readonly texts: TextIndex;
  readonly kept: KeptOctets;
  readonly unfinished: UnfinishedIndex;
  readonly rowsPerTransaction: number;
  readonly imports: ImportLedger;
  readonly annotations: AnnotationIndex;
  /** Tells of annotations that changed. */
  readonly annotationsChanged: (change: AnnotationChange<StoredMailbox>) => void;
  /** Tells those who watch the whole Maildir. */
  readonly changed: (change: MaildirChange<StoredMailbox>) => void;
  /** There are contents to be indexed, or to be taken out of the index. */
  readonly wakeIndexer: () => void;
  readonly quota: Quota;
  readonly folders: MailFolders;
  readonly names: DiskNames;
  readonly sync: DirectorySync;
  readonly removal: FileRemoval;
  readonly staged: StagedNames;
}

/** Commits together with whoever else does just now. @throws Failure full, forbidden, and what the work throws */
export async function commit<T>(storage: Pick<Storage, "db">, work: () => T): Promise<T> {
  try {
    return await storage.db.commit(work);
  } catch (error) {
    throw storageFailure(error);
  }
}

/** Sets annotations of a mailbox, or of the server where it is undefined. @throws Failure full, nonexistent */
export function setAnnotations(
  storage: Pick<Storage, "db" | "annotations" | "annotationsChanged">,
  mailbox: StoredMailbox | undefined,
  values: ReadonlyMap<string, string | undefined>,
  origin?: object,
): Promise<"stored" | "too-many"> {
  return commit(storage, () => {
    mailbox?.counters();
    const entries = storage.annotations.set(mailbox?.row ?? SERVER_ROW, values);
    if (entries === undefined) return "too-many";
    storage.db.afterCommit(() => {
      if (entries.length > 0) storage.annotationsChanged({ mailbox, entries, ...(origin !== undefined && { origin }) });
    });
    return "stored";
  });
}
