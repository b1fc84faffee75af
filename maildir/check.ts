import { stat } from "node:fs/promises";
import type { Database } from "../foundation/database.ts";
import type { AgeIdentity } from "./age/identity.ts";
import { VaultKey } from "./age/vault-key.ts";
import { inspectFile } from "./file-inspection.ts";
import { notedGarbage } from "./file-removal.ts";
import { maildirLetters } from "./flags.ts";
import { readDescription } from "./folder-description.ts";
import { INSPECTED_AT_A_TIME } from "./limits.ts";
import { MailFolders, splitDiskName } from "./mail-folders.ts";
import { MailboxIndex, type MailboxRow } from "./mailbox-index.ts";
import { MessageIndex, type StoredMessage } from "./message-index.ts";
import { MAILDIR_SCHEMA } from "./schema.ts";

export interface CheckOptions {
  readonly db: Database;
  readonly home: string;
  readonly vaultKey: Uint8Array;
  /** Reads every message to its end; else each file is only looked for. */
  readonly deep: boolean;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** What is not as it should be; paths are below the home. */
export interface MailProblem {
  readonly kind: /** A message of the index has no file: it cannot be read. */
    | "missing"
    /** A file does not open, or is not the message that the index means. */
    | "damaged"
    /** A file is no message of the index, and none that the next start removes: a crash kept it from going, or from coming. */
    | "unlisted"
    /** A name tells other flags; the next start that reads it puts it right. */
    | "misnamed"
    /** A folder's description is not what the index says: only a rebuilt index would miss it. */
    | "undescribed";
  readonly path: string;
  readonly mailbox?: string;
  readonly uid?: number;
}

export interface MailCheck {
  readonly mailboxes: number;
  readonly letters: number;
  readonly problems: readonly MailProblem[];
}

/** Compares the index with the files, and changes nothing. No bridge may run meanwhile. */
export async function checkMail(options: CheckOptions): Promise<MailCheck> {
  const { db, home, vaultKey, onProgress } = options;
  db.migrate(MAILDIR_SCHEMA);
  const [mailboxes, messages] = [new MailboxIndex(db).all(), new MessageIndex(db)];
  const checking = new Checking(options, new MailFolders(home, vaultKey), messages);
  const total = mailboxes.reduce((sum, { id }) => sum + messages.uids(id).length, 0);
  let letters = 0;
  for (const mailbox of mailboxes) {
    await checking.describe(mailbox);
    for await (const count of checking.messages(mailbox)) {
      letters += count;
      onProgress?.({ done: letters, total });
    }
  }
  await checking.unknownFolders(new Set(mailboxes.map(({ folder }) => folder)));
  return { mailboxes: mailboxes.length, letters, problems: checking.problems };
}

class Checking {
  readonly problems: MailProblem[] = [];
  readonly #options: CheckOptions;
  readonly #folders: MailFolders;
  readonly #messages: MessageIndex;
  readonly #identity: AgeIdentity;
  /** Files and folders that are only still to be removed. */
  readonly #going: ReadonlySet<string>;

  constructor(options: CheckOptions, folders: MailFolders, messages: MessageIndex) {
    this.#options = options;
    this.#folders = folders;
    this.#messages = messages;
    this.#identity = new VaultKey(options.vaultKey);
    this.#going = new Set(notedGarbage(options.db).map(({ folder, file }) => file ?? folder));
  }

  async describe({ folder, name, objectId, specialUse }: MailboxRow): Promise<void> {
    const path = this.#folders.folder(folder);
    const told = await readDescription(path, this.#identity).catch(() => undefined);
    if (told?.name !== name || told.mailboxId !== objectId || told.specialUse !== specialUse)
      this.#add("undescribed", path, name);
  }

  /** How many messages were looked at, now and then. */
  async *messages({ id, folder, name }: MailboxRow): AsyncGenerator<number> {
    const files = await this.#filesOf(folder);
    for (const rows of this.#messages.rows(id, this.#messages.uids(id))) {
      for (let start = 0; start < rows.length; start += INSPECTED_AT_A_TIME) {
        const some = rows.slice(start, start + INSPECTED_AT_A_TIME);
        await Promise.all(some.map((row) => this.#message(row, files, folder, name)));
        yield some.length;
      }
    }
    for (const [file, { path, letters }] of files)
      if (letters !== undefined && !this.#going.has(file)) this.#add("unlisted", path, name);
  }

  async unknownFolders(known: ReadonlySet<string>): Promise<void> {
    for (const folder of await this.#folders.list(this.#folders.root)) {
      if (known.has(folder) || this.#going.has(folder) || !(await stat(this.#folders.folder(folder))).isDirectory())
        continue;
      for (const { path } of (await this.#filesOf(folder)).values()) this.#add("unlisted", path);
    }
  }

  /** Takes the message's file out of those that are left over. */
  async #message(
    message: StoredMessage,
    files: Map<string, { path: string; letters: string | undefined }>,
    folder: string,
    mailbox: string,
  ): Promise<void> {
    const { uid, size, emailId } = message;
    const found = files.get(message.file);
    files.delete(message.file);
    if (found === undefined) return this.#add("missing", this.#folders.cur(folder, message.file), mailbox, uid);
    if (this.#options.deep) {
      const inspected = await inspectFile(found.path, this.#identity);
      if (inspected?.size !== size || inspected.emailId !== emailId)
        return this.#add("damaged", found.path, mailbox, uid);
    }
    if (found.letters !== undefined && found.letters !== maildirLetters(message))
      this.#add("misnamed", found.path, mailbox, uid);
  }

  /** By name without letters; those of `new` have none yet. */
  async #filesOf(folder: string): Promise<Map<string, { path: string; letters: string | undefined }>> {
    const found = new Map<string, { path: string; letters: string | undefined }>();
    for (const name of await this.#folders.list(this.#folders.fresh(folder)))
      found.set(splitDiskName(name).file, { path: this.#folders.fresh(folder, name), letters: undefined });
    for (const name of await this.#folders.list(this.#folders.cur(folder))) {
      const { file, letters } = splitDiskName(name);
      found.set(file, { path: this.#folders.cur(folder, name), letters });
    }
    return found;
  }

  #add(kind: MailProblem["kind"], path: string, mailbox?: string, uid?: number): void {
    this.problems.push({
      kind,
      path: path.slice(this.#options.home.length + 1),
      ...(mailbox !== undefined && { mailbox }),
      ...(uid !== undefined && { uid }),
    });
  }
}
