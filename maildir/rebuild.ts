import { renameSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { Database } from "../foundation/database.ts";
import { storageFailure } from "../foundation/failure.ts";
import { VaultKey } from "./age/vault-key.ts";
import { ContentIndex, prepareContent } from "./content-index.ts";
import { type InspectedFile, inspectFile } from "./file-inspection.ts";
import { applyChange, flagsOfLetters, parseFlags } from "./flags.ts";
import { type FolderDescription, readDescription } from "./folder-description.ts";
import { INSPECTED_AT_A_TIME } from "./limits.ts";
import { MailFolders, splitDiskName } from "./mail-folders.ts";
import { MailboxIndex, type MailboxRow } from "./mailbox-index.ts";
import { INBOX } from "./mailbox-name.ts";
import type { SpecialUse } from "./message.ts";
import { MessageIndex } from "./message-index.ts";
import { randomObjectId } from "./object-id.ts";
import { MAILDIR_SCHEMA } from "./schema.ts";

export interface RebuildOptions {
  /** Has no mail yet. */
  readonly db: Database;
  readonly home: string;
  readonly vaultKey: Uint8Array;
  /** UIDVALIDITYs are above it, and above those that the folders tell. */
  readonly lastUidValidity?: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

export interface Rebuilt {
  readonly mailboxes: number;
  readonly letters: number;
  /** Files that do not open, below the home; they stay where they are. */
  readonly unreadable: readonly string[];
  /** Mailboxes whose own names do not open, as they are called now. */
  readonly renamed: readonly string[];
}

interface DiskFolder {
  readonly folder: string;
  readonly description: FolderDescription | undefined;
  readonly files: readonly { readonly path: string; readonly name: string }[];
}

/**
 * Makes the index from the files alone: mailboxes with their names, ids and uses, messages with their flags as far as
 * letters tell them, dates, sizes and contents. UIDs are given anew, so UIDVALIDITY is new. The caller opens the Maildir
 * afterwards, and starts again on an empty database if this fails.
 * @throws Failure full
 */
export async function rebuildIndex(options: RebuildOptions): Promise<Rebuilt> {
  try {
    const { db, home, vaultKey } = options;
    db.migrate(MAILDIR_SCHEMA);
    const folders = new MailFolders(home, vaultKey);
    await folders.createRoot();
    return await new Rebuilding(options, folders).run();
  } catch (error) {
    throw storageFailure(error);
  }
}

class Rebuilding {
  readonly #options: RebuildOptions;
  readonly #folders: MailFolders;
  readonly #identity: VaultKey;
  readonly #mailboxes: MailboxIndex;
  readonly #messages: MessageIndex;
  readonly #contents: ContentIndex;
  /** What copies share, by EMAILID. */
  readonly #known = new Map<string, { readonly hash: Buffer; readonly content: number; readonly threadId: string }>();
  readonly #unreadable: string[] = [];
  readonly #renamed: string[] = [];
  #letters = 0;
  #done = 0;

  constructor(options: RebuildOptions, folders: MailFolders) {
    this.#options = options;
    this.#folders = folders;
    this.#identity = new VaultKey(options.vaultKey);
    this.#mailboxes = new MailboxIndex(options.db);
    this.#messages = new MessageIndex(options.db);
    this.#contents = new ContentIndex(options.db);
  }

  async run(): Promise<Rebuilt> {
    const { db, onProgress } = this.#options;
    const found = await this.#look();
    const rows = await this.#insertMailboxes(found);
    const total = found.reduce((sum, { files }) => sum + files.length, 0);
    for (const [index, { files }] of found.entries()) {
      const row = rows[index] as MailboxRow;
      const inspected = await this.#inspect(files, () => onProgress?.({ done: ++this.#done, total }));
      inspected.sort((a, b) => a.internalDate - b.internalDate || (a.name < b.name ? -1 : 1));
      for (let start = 0; start < inspected.length; start += BATCH)
        await db.commit(() => {
          for (const [offset, one] of inspected.slice(start, start + BATCH).entries())
            this.#insert(row, start + offset + 1, one);
        });
    }
    return {
      mailboxes: rows.length,
      letters: this.#letters,
      unreadable: this.#unreadable,
      renamed: this.#renamed,
    };
  }

  async #look(): Promise<DiskFolder[]> {
    const found: DiskFolder[] = [];
    for (const folder of (await this.#folders.list(this.#folders.root)).sort()) {
      if (!(await stat(this.#folders.folder(folder))).isDirectory()) continue;
      const description = await readDescription(this.#folders.folder(folder), this.#identity).catch(() => undefined);
      const files = [];
      for (const part of ["cur", "fresh"] as const)
        for (const name of await this.#folders.list(this.#folders[part](folder)))
          files.push({ path: this.#folders[part](folder, name), name });
      // One that tells nothing and holds nothing was never finished.
      if (description !== undefined || files.length > 0) found.push({ folder, description, files });
    }
    if (found.every(({ description }) => description?.name !== INBOX)) {
      const folder = this.#folders.randomName();
      await this.#folders.create([folder]);
      const description = { name: INBOX, mailboxId: randomObjectId(), uidValidity: 0, specialUse: null };
      found.unshift({ folder, description, files: [] });
    }
    return found;
  }

  async #insertMailboxes(found: readonly DiskFolder[]): Promise<MailboxRow[]> {
    const { db, lastUidValidity = 0, now } = this.#options;
    const told = found.map(({ description }) => description?.uidValidity ?? 0);
    const above = Math.max(lastUidValidity, ...told) * 1_000 + 1_000;
    const [names, ids, uses] = [new Set<string>(), new Set<string>(), new Set<string>()];
    return await db.commit(() =>
      found.map(({ folder, description }) => {
        const wanted = description?.name ?? "Recovered";
        let name = wanted;
        for (let number = 2; names.has(name); number++) name = `${wanted} ${number}`;
        names.add(name);
        if (name !== description?.name) this.#renamed.push(name);
        const known = description !== undefined && !ids.has(description.mailboxId);
        const objectId = known ? description.mailboxId : randomObjectId();
        ids.add(objectId);
        const use = description?.specialUse ?? null;
        const specialUse = use === null || uses.has(use) ? null : (use as SpecialUse);
        if (specialUse !== null) uses.add(specialUse);
        const uidValidity = this.#mailboxes.nextUidValidity(Math.max(now, above));
        this.#mailboxes.subscribe(name);
        return this.#mailboxes.insert({ objectId, folder, name, specialUse, uidValidity });
      }),
    );
  }

  /** What the files say, without what only a copy of them would: contents go into the index as they are read. */
  async #inspect(files: DiskFolder["files"], onFile: () => void): Promise<Letter[]> {
    const letters: Letter[] = [];
    for (let start = 0; start < files.length; start += INSPECTED_AT_A_TIME) {
      const some = files.slice(start, start + INSPECTED_AT_A_TIME);
      const inspected = await Promise.all(some.map(({ path }) => inspectFile(path, this.#identity)));
      await this.#options.db.commit(() => {
        for (const [index, { path, name }] of some.entries()) {
          const one = inspected[index];
          if (one === undefined) this.#unreadable.push(this.#keep(path).slice(this.#options.home.length + 1));
          else letters.push({ name, ...this.#insertContent(one) });
        }
      });
      for (const _ of some) onFile();
    }
    return letters;
  }

  /** The next start removes what lies in `new` without a row. */
  #keep(path: string): string {
    const kept = path.replace(/\/new\/([^/]+)$/, (_, name: string) => `/cur/${splitDiskName(name).file}:2,`);
    if (kept !== path) renameSync(path, kept);
    return kept;
  }

  #insertContent(file: InspectedFile): Omit<Letter, "name"> {
    const { size, internalDate, emailId, contentHash } = file;
    let shared = this.#known.get(emailId);
    if (shared === undefined || !shared.hash.equals(contentHash)) {
      const prepared = prepareContent(file);
      const threadId = this.#contents.joinThread(prepared, randomObjectId);
      shared = { hash: contentHash, content: this.#contents.insert(prepared), threadId };
      this.#known.set(emailId, shared);
    }
    return { size, internalDate, emailId, content: shared.content, threadId: shared.threadId };
  }

  #insert(row: MailboxRow, uid: number, { name, ...letter }: Letter): void {
    const { file, letters } = splitDiskName(name);
    if (this.#messages.hasFile(file)) return;
    const list = parseFlags(flagsOfLetters(letters));
    const flags = applyChange({ bits: 0, keywords: "" }, "replace", list);
    const known = this.#messages.keywords(row.id);
    for (const keyword of list.keywords) if (!known.includes(keyword)) this.#messages.addKeyword(row.id, keyword);
    this.#messages.insert(row.id, { ...letter, ...flags, uid, modSeq: 1, saveDate: letter.internalDate, file });
    this.#mailboxes.setCounters(row.id, uid + 1, 1);
    this.#letters++;
  }
}

interface Letter {
  readonly name: string;
  readonly size: number;
  readonly internalDate: number;
  readonly emailId: string;
  readonly content: number;
  readonly threadId: string;
}

/** Rows that are inserted in one go, some ten milliseconds. */
const BATCH = 500;
