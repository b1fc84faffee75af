import { rmSync } from "node:fs";
import { storageFailure } from "../foundation/failure.ts";
import { VaultKey } from "./age/vault-key.ts";
import { X25519Recipient } from "./age/x25519.ts";
import { AnnotationIndex } from "./annotations.ts";
import { ContentIndex } from "./content-index.ts";
import { DirectorySync } from "./directory-sync.ts";
import { DiskNames } from "./disk-names.ts";
import { FileRemoval } from "./file-removal.ts";
import { IMPORT_LEDGER_SCHEMA, ImportLedger } from "./import-ledger.ts";
import { KEPT_OCTETS_SCHEMA, KeptOctets } from "./kept-octets.ts";
import { LetterThread } from "./letter-thread.ts";
import { DEFAULT_APPEND_LIMIT, ROWS_PER_TRANSACTION } from "./limits.ts";
import { MailFolders, splitDiskName } from "./mail-folders.ts";
import { MailboxIndex } from "./mailbox-index.ts";
import { INBOX } from "./mailbox-name.ts";
import type { SpecialUse } from "./message.ts";
import { MessageIndex } from "./message-index.ts";
import { Quota } from "./quota.ts";
import { MAILDIR_SCHEMA } from "./schema.ts";
import { StagedNames } from "./staging.ts";
import type { Storage } from "./storage.ts";
import type { Maildir, MaildirOptions } from "./store.ts";
import { StoredMaildir } from "./stored-maildir.ts";
import { TextIndex } from "./text-index.ts";
import { UnfinishedIndex } from "./unfinished-index.ts";

const DEFAULT_MAILBOXES: readonly (readonly [name: string, use: SpecialUse | undefined])[] = [
  [INBOX, undefined],
  ["Sent", "\\Sent"],
  ["Drafts", "\\Drafts"],
  ["Trash", "\\Trash"],
  ["Junk", "\\Junk"],
  ["Archive", "\\Archive"],
];

/**
 * Opens the mail below a home, or creates it with INBOX, Sent, Drafts, Trash, Junk and Archive. Finishes what a crash
 * interrupted; needs no help and throws nothing away that a committed row names.
 * @throws Failure full, forbidden; WrongDatabaseKey was thrown by whoever opened the database
 */
export async function openMaildir(options: MaildirOptions): Promise<Maildir> {
  const { db, home, vaultKey, clock, logger, appendLimit = DEFAULT_APPEND_LIMIT } = options;
  const vault = new VaultKey(vaultKey);
  const recipients = [new X25519Recipient(options.recoveryRecipient), vault];
  try {
    db.migrate(MAILDIR_SCHEMA);
    db.migrate(IMPORT_LEDGER_SCHEMA);
    db.migrate(KEPT_OCTETS_SCHEMA);
    const folders = new MailFolders(home, vaultKey);
    await folders.createRoot();
    const sync = new DirectorySync();
    const storage = {
      db,
      clock,
      logger,
      vault,
      recipients,
      letters: new LetterThread({ vaultKey, recoveryRecipient: options.recoveryRecipient }),
      appendLimit,
      appendMerger: options.appendMerger,
      mailboxes: new MailboxIndex(db),
      messages: new MessageIndex(db),
      contents: new ContentIndex(db),
      texts: new TextIndex(db),
      kept: new KeptOctets(db),
      unfinished: new UnfinishedIndex(db),
      rowsPerTransaction: options.rowsPerTransaction ?? ROWS_PER_TRANSACTION,
      imports: new ImportLedger(db),
      annotations: new AnnotationIndex(db),
      quota: new Quota(db, home, options.quota),
      folders,
      names: new DiskNames(folders, clock),
      sync,
      removal: new FileRemoval(db, folders, sync, logger),
      staged: new StagedNames(),
    };
    db.transaction(() => storage.mailboxes.noteOpened());
    await storage.removal.recover();
    const maildir = new StoredMaildir(storage);
    if (maildir.mailboxes().length === 0) await maildir.createDefaults(DEFAULT_MAILBOXES);
    await maildir.describeFolders();
    await removeUnfinishedFolders(storage);
    await settleFresh(storage, maildir);
    await maildir.undoUnfinished();
    maildir.startWorking();
    return maildir;
  } catch (error) {
    throw storageFailure(error);
  }
}

/** Folders that were made for mailboxes which a crash kept out of the index; a folder that holds anything stays. */
async function removeUnfinishedFolders({ folders, mailboxes }: Pick<Storage, "folders" | "mailboxes">): Promise<void> {
  const known = new Set(mailboxes.all().map(({ folder }) => folder));
  for (const folder of await folders.list(folders.root)) if (!known.has(folder)) await folders.removeEmpty(folder);
}

/** Files that a crash left half-written go; whole ones get their final name if a committed row names them, else go too. */
async function settleFresh(
  { folders, messages, names, mailboxes }: Pick<Storage, "folders" | "messages" | "names" | "mailboxes">,
  maildir: StoredMaildir,
): Promise<void> {
  for (const { folder } of mailboxes.all()) {
    for (const name of await folders.list(folders.tmp(folder))) rmSync(folders.tmp(folder, name), { force: true });
    for (const name of await folders.list(folders.fresh(folder))) {
      const path = folders.fresh(folder, name);
      const holder = messages.holderOf(splitDiskName(name).file);
      const mailbox = holder === undefined ? undefined : maildir.mailboxByRow(holder.mailbox);
      if (holder === undefined || mailbox === undefined) rmSync(path, { force: true });
      else names.settle(mailbox.place(holder), path);
    }
  }
  names.flush();
}
