import { rmSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database } from "../foundation/database.ts";
import { errorCode } from "../foundation/failure.ts";
import type { Logger } from "../foundation/logger.ts";
import type { DirectorySync } from "./directory-sync.ts";
import { FILES_PER_SLICE, REMOVAL_DELAY } from "./limits.ts";
import { isMissing, type MailFolders, splitDiskName } from "./mail-folders.ts";

/** Ids of the notes of one transaction, both ends included. */
export interface NoteRange {
  readonly first: number;
  readonly last: number;
}

/** A file to be removed, where it is, and among which notes its own is; or a whole folder. */
export interface Garbage {
  readonly folder: string;
  readonly file?: { readonly name: string; readonly path: string; readonly notes: NoteRange };
}

const ANY_NOTE: NoteRange = { first: 0, last: Number.MAX_SAFE_INTEGER };

/** What is noted: folders and files that nobody was to see any more, and that are perhaps still there. */
export function notedGarbage({ sqlite }: Database): { readonly folder: string; readonly file: string | null }[] {
  return sqlite
    .prepare<[], { folder: string; file: string | null }>("SELECT folder, file FROM maildir_garbage ORDER BY id")
    .all();
}

/**
 * Removes files of expunged messages and folders of removed mailboxes. The transaction that took them out of the index
 * noted them, so that what a crash interrupts is done at the next start; no other file in `cur` is ever removed.
 */
export class FileRemoval {
  readonly #db: Database;
  readonly #folders: MailFolders;
  readonly #sync: DirectorySync;
  readonly #logger: Logger;
  readonly #noteFolder: Statement<[string], unknown>;
  readonly #forgetFolder: Statement<[string], unknown>;
  readonly #forgetFiles: Statement<[number, number, string], unknown>;
  #queue: Garbage[] = [];
  #running: Promise<void> | undefined;
  #endPause: (() => void) | undefined;

  constructor(db: Database, folders: MailFolders, sync: DirectorySync, logger: Logger) {
    this.#db = db;
    this.#folders = folders;
    this.#sync = sync;
    this.#logger = logger;
    this.#noteFolder = db.sqlite.prepare("INSERT INTO maildir_garbage (folder, file) VALUES (?, NULL)");
    this.#forgetFolder = db.sqlite.prepare("DELETE FROM maildir_garbage WHERE folder = ?");
    this.#forgetFiles = db.sqlite.prepare(
      "DELETE FROM maildir_garbage WHERE id BETWEEN ? AND ? AND file IN (SELECT value FROM json_each(?))",
    );
  }

  /** Notes a folder inside the transaction that takes its mailbox out. */
  noteFolder(folder: string): void {
    this.#noteFolder.run(folder);
  }

  /** Begins to remove what committed transactions noted. */
  start(garbage: readonly Garbage[]): void {
    for (const one of garbage) this.#queue.push(one);
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
      if (this.#queue.length > 0) this.start([]);
    });
  }

  /** Resolves when nothing is left to be removed. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) {
      this.#endPause?.();
      await this.#running;
    }
  }

  /** Takes up what was noted before the program ended. */
  async recover(): Promise<void> {
    const wanted = new Map<string, Set<string>>();
    for (const { folder, file } of notedGarbage(this.#db)) {
      if (file === null) this.start([{ folder }]);
      else wanted.set(folder, (wanted.get(folder) ?? new Set()).add(file));
    }
    this.#endPause?.();
    for (const [folder, files] of wanted) {
      await this.#removeWherever(folder, files);
      await this.#forget(folder, [...files], ANY_NOTE);
    }
  }

  /** Removes the files whatever letters their names have. */
  async #removeWherever(folder: string, files: ReadonlySet<string>): Promise<void> {
    for (const directory of [this.#folders.fresh(folder), this.#folders.cur(folder)])
      for (const name of await this.#folders.list(directory))
        if (files.has(splitDiskName(name).file)) rmSync(join(directory, name), { force: true });
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, REMOVAL_DELAY);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = undefined;
  }

  async #work(): Promise<void> {
    await this.#pause();
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue.splice(0, FILES_PER_SLICE);
        const files = new Map<string, { names: string[]; notes: NoteRange }>();
        const strayed = new Map<string, Set<string>>();
        for (const { folder, file } of batch) {
          if (file === undefined) {
            await this.#folders.remove(folder);
            await this.#sync.sync(this.#folders.root);
            await this.#db.commit(() => this.#forgetFolder.run(folder));
          } else {
            await unlink(file.path).catch((error: unknown) => {
              if (!isMissing(error)) throw error;
              // A crash may have kept it from getting the name that the index says.
              strayed.set(folder, (strayed.get(folder) ?? new Set()).add(file.name));
            });
            const known = files.get(folder) ?? { names: [], notes: file.notes };
            const notes = spanning(known.notes, file.notes);
            known.names.push(file.name);
            files.set(folder, { names: known.names, notes });
          }
        }
        for (const [folder, names] of strayed) await this.#removeWherever(folder, names);
        for (const [folder, { names, notes }] of files) await this.#forget(folder, names, notes);
        await setImmediate();
      }
    } catch (error) {
      // The notes are still there: the next start tries again.
      this.#queue = [];
      this.#logger("warn", "removed mail could not be taken off the disk yet", { reason: errorCode(error) });
    }
  }

  async #forget(folder: string, files: readonly string[], { first, last }: NoteRange): Promise<void> {
    for (const directory of [this.#folders.cur(folder), this.#folders.fresh(folder)])
      await this.#sync.sync(directory).catch(() => undefined);
    await this.#db.commit(() => this.#forgetFiles.run(first, last, JSON.stringify(files)));
  }
}

function spanning(a: NoteRange, b: NoteRange): NoteRange {
  return { first: Math.min(a.first, b.first), last: Math.max(a.last, b.last) };
}
