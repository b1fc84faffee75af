import { mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { errorCode, Failure } from "../../foundation/failure.ts";
import type { Maildir, MaildirMailbox } from "../store.ts";
import { createEmlFolder } from "./eml.ts";
import { folderPath } from "./folder-path.ts";
import type { MailWriter } from "./mail-writer.ts";
import { createMaildir } from "./maildir.ts";
import { createMbox } from "./mbox.ts";

export type ExportFormat = "mbox" | "maildir" | "eml";

export const EXPORT_FORMATS = ["mbox", "maildir", "eml"] as const satisfies readonly ExportFormat[];

export interface ExportProgress {
  /** Messages that were written. */
  readonly done: number;
  readonly total: number;
  /** Those whose files are missing or damaged. */
  readonly damaged: number;
}

export interface ExportOptions {
  /** One mailbox; all of them where absent, each in a place of its own below the path. */
  readonly folder?: string;
  readonly format: ExportFormat;
  readonly onProgress?: (progress: ExportProgress) => void;
  /** Aborts between two messages; what was written stays. */
  readonly signal?: AbortSignal;
}

/** Messages after which progress is told. */
const PROGRESS_STEP = 100;

const CREATE: Readonly<Record<ExportFormat, (path: string) => Promise<MailWriter>>> = {
  mbox: createMbox,
  maildir: createMaildir,
  eml: createEmlFolder,
};

/**
 * Writes mail, readable to anybody who reads the disk, as other programs take it: an mbox file, or a directory that is
 * new or empty. Nothing is overwritten. What comes while it runs is left out, damaged messages are counted.
 * @throws Failure nonexistent (folder), already-exists, full, forbidden
 */
export async function exportMail(maildir: Maildir, path: string, options: ExportOptions): Promise<ExportProgress> {
  const { folder, format, onProgress, signal } = options;
  const places = folder === undefined ? allPlaces(maildir, path, format) : [onePlace(maildir, folder, path)];
  await requireNew(path);
  let [done, damaged] = [0, 0];
  const total = places.reduce((sum, { mailbox }) => sum + mailbox.status().messages, 0);
  try {
    for (const { mailbox, target } of places) {
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      const writer = await CREATE[format](target);
      try {
        await eachAtOnce(mailbox.summaries(mailbox.uids()), writer.atOnce, async ({ uid, flags, internalDate }) => {
          signal?.throwIfAborted();
          try {
            const content = mailbox.read(uid, 0, Number.MAX_SAFE_INTEGER);
            await writer.write({ content, flags, internalDate });
            done++;
          } catch (error) {
            if (!(error instanceof Failure && (error.code === "damaged" || error.code === "nonexistent"))) throw error;
            if (error.code === "damaged") damaged++;
          }
          if ((done + damaged) % PROGRESS_STEP === 0) onProgress?.({ done, total, damaged });
        });
      } finally {
        await writer.close();
      }
    }
  } catch (error) {
    throw exportFailure(error, path);
  }
  return { done, total, damaged };
}

/** Begins work on each in order, on so many at a time; all that began has ended when this settles. */
async function eachAtOnce<T>(all: Iterable<T>, atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for (const one of all) {
    const run = work(one)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => running.delete(run));
    running.add(run);
    if (running.size >= atOnce) await Promise.race(running);
    if (failures.length > 0) break;
    await setImmediate();
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}

interface Place {
  readonly mailbox: MaildirMailbox;
  readonly target: string;
}

function onePlace(maildir: Maildir, folder: string, target: string): Place {
  const mailbox = maildir.mailbox(folder);
  if (mailbox === undefined) throw new Failure("nonexistent", `there is no folder ${folder}`);
  return { mailbox, target };
}

function allPlaces(maildir: Maildir, path: string, format: ExportFormat): Place[] {
  const ending = format === "mbox" ? ".mbox" : "";
  return maildir
    .mailboxes()
    .map((mailbox) => ({ mailbox, target: join(path, `${folderPath(mailbox.name)}${ending}`) }));
}

/** @throws Failure already-exists unless there is nothing at the path, or an empty directory */
async function requireNew(path: string): Promise<void> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined || (status.isDirectory() && (await readdir(path)).length === 0)) return;
  throw new Failure("already-exists", `${path} is there already: choose another place, nothing is overwritten`);
}

function exportFailure(error: unknown, path: string): unknown {
  switch (errorCode(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return new Failure("full", `the disk of ${path} is full: what was written so far is not complete`);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new Failure("forbidden", `${path} cannot be written`, { cause: error });
    case "EEXIST":
    case "EISDIR":
      return new Failure("already-exists", `${path} is there already: choose another place`, { cause: error });
    default:
      return error;
  }
}
