import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database } from "../foundation/database.ts";
import type { NoteRange } from "./file-removal.ts";
import type { FlagSet } from "./flags.ts";
import { ROWS_PER_QUERY } from "./limits.ts";
import type { ColumnRow, ObjectIds } from "./message-columns.ts";

/** A message's row without its flags. */
export interface MessageRow {
  readonly uid: number;
  readonly internalDate: number;
  readonly saveDate: number;
  readonly size: number;
  readonly emailId: string;
  readonly threadId: string;
  readonly content: number;
  readonly file: string;
}

export interface StoredMessage extends MessageRow, FlagSet {
  readonly modSeq: number;
}

export interface FileHolder extends FlagSet {
  readonly mailbox: number;
  readonly file: string;
}

export interface Totals {
  readonly messages: number;
  readonly unseen: number;
  readonly deleted: number;
  readonly size: number;
  readonly deletedSize: number;
}

/** What changes of flags and expunging have to know of a message. */
export type FlaggedFile = Pick<StoredMessage, "uid" | "bits" | "keywords" | "modSeq" | "content" | "file">;

const FLAGGED_FILE = "uid, flags AS bits, keywords, modseq AS modSeq, content, file";
const COLUMNS = `uid, flags AS bits, keywords, modseq AS modSeq, internal_date AS internalDate, save_date AS saveDate, size,
  email_id AS emailId, thread_id AS threadId, content, file`;
const AMONG = "uid IN (SELECT value FROM json_each(?))";

/** The table of messages, the log of expunged ones, and keywords. Whatever writes runs inside the caller's transaction. */
export class MessageIndex {
  readonly #one: Statement<[number, number], StoredMessage>;
  readonly #byFile: Statement<[number, string], StoredMessage>;
  readonly #rows: RowsOf<StoredMessage>;
  readonly #flaggedFiles: RowsOf<FlaggedFile>;
  readonly #uids: Statement<[number], number>;
  readonly #columns: Statement<[number, number, number], ColumnRow>;
  readonly #objectIds: Statement<[number, number], ObjectIds>;
  readonly #expungedSince: Statement<[number, number], number>;
  readonly #insert: Statement<
    [number, number, number, string, number, number, number, number, string, string, number, string],
    unknown
  >;
  readonly #setFlags: Statement<[number, string, number, number, string], unknown>;
  readonly #discardFiles: Statement<[string, number, string], unknown>;
  readonly #logExpunged: Statement<[number, number, string], unknown>;
  readonly #delete: Statement<[number, string], unknown>;
  readonly #expungedCount: Statement<[number], number>;
  readonly #oldestKept: Statement<[number, number], number>;
  readonly #cutLog: Statement<[number, number], unknown>;
  readonly #keywords: Statement<[number], string>;
  readonly #addKeyword: Statement<[number, string], unknown>;
  readonly #holderOf: Statement<[string], FileHolder>;
  readonly #anyOf: Statement<[number], { mailbox: number; uid: number }>;
  readonly #moveAll: Statement<[number, number], unknown>;
  readonly #copyKeywords: Statement<[number, number], unknown>;
  readonly #rememberImport: Statement<[number, Uint8Array], unknown>;

  constructor({ sqlite }: Database) {
    const of = `FROM maildir_message WHERE mailbox = ?`;
    this.#one = sqlite.prepare(`SELECT ${COLUMNS} ${of} AND uid = ?`);
    this.#byFile = sqlite.prepare(`SELECT ${COLUMNS} ${of} AND file = ?`);
    this.#rows = rowsOf(sqlite, COLUMNS, storedMessage);
    this.#flaggedFiles = rowsOf(sqlite, FLAGGED_FILE, flaggedFile);
    this.#uids = sqlite.prepare<[number], number>(`SELECT uid ${of} ORDER BY uid`).pluck();
    this.#columns = sqlite
      .prepare<[number, number, number], ColumnRow>(
        `SELECT uid, flags, keywords, modseq, internal_date, save_date, size, content ${of} AND uid > ? ORDER BY uid LIMIT ?`,
      )
      .raw();
    this.#objectIds = sqlite.prepare(`SELECT email_id AS emailId, thread_id AS threadId ${of} AND uid = ?`);
    this.#expungedSince = sqlite
      .prepare<[number, number], number>(
        "SELECT uid FROM maildir_expunged WHERE mailbox = ? AND modseq > ? ORDER BY uid",
      )
      .pluck();
    this.#insert = sqlite.prepare("INSERT INTO maildir_message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#setFlags = sqlite.prepare(
      `UPDATE maildir_message SET flags = ?, keywords = ?, modseq = ? WHERE mailbox = ? AND ${AMONG}`,
    );
    this.#discardFiles = sqlite.prepare(`INSERT INTO maildir_garbage (folder, file) SELECT ?, file ${of} AND ${AMONG}`);
    this.#logExpunged = sqlite.prepare(
      "INSERT INTO maildir_expunged SELECT ?, ?, value FROM json_each(?) ORDER BY value",
    );
    this.#delete = sqlite.prepare(`DELETE ${of} AND ${AMONG}`);
    this.#expungedCount = sqlite
      .prepare<[number], number>("SELECT COUNT(*) FROM maildir_expunged WHERE mailbox = ?")
      .pluck();
    this.#oldestKept = sqlite
      .prepare<[number, number], number>(
        "SELECT modseq FROM maildir_expunged WHERE mailbox = ? ORDER BY modseq DESC LIMIT 1 OFFSET ?",
      )
      .pluck();
    this.#cutLog = sqlite.prepare("DELETE FROM maildir_expunged WHERE mailbox = ? AND modseq <= ?");
    this.#keywords = sqlite
      .prepare<[number], string>("SELECT name FROM maildir_keyword WHERE mailbox = ? ORDER BY name")
      .pluck();
    this.#addKeyword = sqlite.prepare("INSERT INTO maildir_keyword VALUES (?, ?)");
    this.#holderOf = sqlite.prepare(
      "SELECT mailbox, file, flags AS bits, keywords FROM maildir_message WHERE file = ?",
    );
    this.#anyOf = sqlite.prepare(
      `SELECT mailbox, uid FROM maildir_message
       WHERE content = ? AND mailbox IN (SELECT id FROM maildir_mailbox) LIMIT 1`,
    );
    this.#moveAll = sqlite.prepare("UPDATE maildir_message SET mailbox = ? WHERE mailbox = ?");
    this.#copyKeywords = sqlite.prepare(
      "INSERT INTO maildir_keyword SELECT ?, name FROM maildir_keyword WHERE mailbox = ?",
    );
    this.#rememberImport = sqlite.prepare("INSERT OR IGNORE INTO maildir_imported VALUES (?, ?)");
  }

  one(mailbox: number, uid: number): StoredMessage | undefined {
    return this.#one.get(mailbox, uid);
  }

  byFile(mailbox: number, file: string): StoredMessage | undefined {
    return this.#byFile.get(mailbox, file);
  }

  /** Those of the ascending UIDs that exist, a query's worth of rows at a time. */
  rows(mailbox: number, uids: readonly number[]): Iterable<StoredMessage[]> {
    return this.#rows(mailbox, uids);
  }

  /** The same, with less of each. */
  flaggedFiles(mailbox: number, uids: readonly number[]): Iterable<FlaggedFile[]> {
    return this.#flaggedFiles(mailbox, uids);
  }

  uids(mailbox: number): number[] {
    return this.#uids.all(mailbox);
  }

  expungedSince(mailbox: number, modSeq: number): number[] {
    return this.#expungedSince.all(mailbox, modSeq);
  }

  /** Up to so many rows above the UID, in the order of their UIDs. */
  columns(mailbox: number, above: number, limit: number): ColumnRow[] {
    return this.#columns.all(mailbox, above, limit);
  }

  objectIds(mailbox: number, uid: number): ObjectIds | undefined {
    return this.#objectIds.get(mailbox, uid);
  }

  insert(mailbox: number, m: StoredMessage): void {
    const { uid, bits, keywords, modSeq, internalDate, saveDate, size, emailId, threadId, content, file } = m;
    this.#insert.run(
      mailbox,
      uid,
      bits,
      keywords,
      modSeq,
      internalDate,
      saveDate,
      size,
      emailId,
      threadId,
      content,
      file,
    );
  }

  setFlags(mailbox: number, uids: readonly number[], flags: FlagSet, modSeq: number): void {
    this.#setFlags.run(flags.bits, flags.keywords, modSeq, mailbox, JSON.stringify(uids));
  }

  /** Takes the messages out, logs that, and notes their files for removal; the ids of the notes. */
  expunge(mailbox: number, folder: string, uids: readonly number[], modSeq: number): NoteRange {
    const list = JSON.stringify(uids);
    const { changes, lastInsertRowid } = this.#discardFiles.run(folder, mailbox, list);
    this.#delete.run(mailbox, list);
    this.#logExpunged.run(mailbox, modSeq, list);
    const last = Number(lastInsertRowid);
    return { first: last - changes + 1, last };
  }

  /** Cuts the log of expunged messages to so many rows; the MODSEQ up to which it is incomplete, if that grew. */
  cutExpungeLog(mailbox: number, limit: number): number | undefined {
    if ((this.#expungedCount.get(mailbox) ?? 0) <= limit) return undefined;
    const floor = this.#oldestKept.get(mailbox, Math.floor(limit / 2)) ?? 0;
    this.#cutLog.run(mailbox, floor);
    return floor;
  }

  keywords(mailbox: number): string[] {
    return this.#keywords.all(mailbox);
  }

  addKeyword(mailbox: number, keyword: string): void {
    this.#addKeyword.run(mailbox, keyword);
  }

  hasFile(file: string): boolean {
    return this.#holderOf.get(file) !== undefined;
  }

  /** The message, in whichever mailbox, that a file belongs to. */
  holderOf(file: string): FileHolder | undefined {
    return this.#holderOf.get(file);
  }

  /** One of the messages that have the content, in a mailbox that there is. */
  anyOf(content: number): { readonly mailbox: number; readonly uid: number } | undefined {
    return this.#anyOf.get(content);
  }

  /** All messages keep their UIDs in the other, empty mailbox. */
  moveAll(from: number, to: number): void {
    this.#moveAll.run(to, from);
    this.#copyKeywords.run(to, from);
  }

  logExpunged(mailbox: number, uids: readonly number[], modSeq: number): void {
    this.#logExpunged.run(mailbox, modSeq, JSON.stringify(uids));
  }

  /** False if it was remembered before. */
  rememberImport(mailbox: number, hash: Uint8Array): boolean {
    return this.#rememberImport.run(mailbox, hash).changes > 0;
  }
}

type RowsOf<T> = (mailbox: number, uids: readonly number[]) => Iterable<T[]>;

type RawFlaggedFile = readonly [
  uid: number,
  bits: number,
  keywords: string,
  modSeq: number,
  content: number,
  file: string,
];
type RawMessage = readonly [
  ...[uid: number, bits: number, keywords: string, modSeq: number, internalDate: number, saveDate: number],
  ...[size: number, emailId: string, threadId: string, content: number, file: string],
];

// Objects that are written out have one shape, and are made and read faster than those that the database makes.
function flaggedFile([uid, bits, keywords, modSeq, content, file]: RawFlaggedFile): FlaggedFile {
  return { uid, bits, keywords, modSeq, content, file };
}

function storedMessage(row: RawMessage): StoredMessage {
  const [uid, bits, keywords, modSeq, internalDate, saveDate, size, emailId, threadId, content, file] = row;
  return { uid, bits, keywords, modSeq, internalDate, saveDate, size, emailId, threadId, content, file };
}

/** Reads columns of many messages, by ascending UIDs; a range is read in one go where they lie close together. */
function rowsOf<R, T extends { readonly uid: number }>(
  sqlite: Database["sqlite"],
  columns: string,
  make: (row: R) => T,
): RowsOf<T> {
  const select = `SELECT ${columns} FROM maildir_message WHERE mailbox = ?`;
  const range = sqlite.prepare<[number, number, number], R>(`${select} AND uid BETWEEN ? AND ? ORDER BY uid`).raw();
  const among = sqlite.prepare<[number, string], R>(`${select} AND ${AMONG} ORDER BY uid`).raw();
  return function* (mailbox, uids) {
    for (let start = 0; start < uids.length; start += ROWS_PER_QUERY) {
      const batch = uids.slice(start, start + ROWS_PER_QUERY);
      const first = batch[0] ?? 0;
      const last = batch.at(-1) ?? 0;
      if (last - first >= 2 * batch.length) {
        yield among.all(mailbox, JSON.stringify(batch)).map(make);
        continue;
      }
      const rows = range.all(mailbox, first, last).map(make);
      if (last - first === batch.length - 1) yield rows;
      else {
        const wanted = new Set(batch);
        yield rows.filter((row) => wanted.has(row.uid));
      }
    }
  };
}
