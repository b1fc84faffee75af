import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database } from "../foundation/database.ts";
import { INDEX_MERGE_PAGES, INDEX_ROWS_PER_QUERY } from "./limits.ts";

/** Rows of the full-text index that one content can have; their numbers follow from the content's. */
const ROWS_PER_CONTENT = 4_096;

/** A piece of a letter's folded texts. */
export interface TextRow {
  readonly header: string;
  readonly body: string;
}

/** How far the index is: all contents below `content` are in it, and of that one so many rows. */
export interface TextProgress {
  readonly content: number;
  readonly rows: number;
}

/** What can be said of contents by looking for a phrase. */
export interface TextMatches {
  /** Contents that hold it, a query's worth at a time; some more than once. */
  readonly contents: readonly number[];
  /** Where to go on, undefined at the end. */
  readonly next: number | undefined;
}

/**
 * The full-text index of letters' folded texts. It is made from the letters in the background and lags behind, so
 * whoever asks it also asks which messages it does not cover. Whatever writes runs inside the caller's transaction.
 */
export class TextIndex {
  readonly #progress: Statement<[], TextProgress>;
  readonly #setProgress: Statement<[number, number], unknown>;
  readonly #waiting: Statement<[number, number], number>;
  readonly #exists: Statement<[number], number>;
  readonly #insert: Statement<[number, string, string], unknown>;
  readonly #setApart: Statement<[number], unknown>;
  readonly #matches: Statement<[string, number, number], number>;
  readonly #uncovered: Statement<[number, number], number>;
  readonly #uidsOf: Statement<[number, string], number>;
  readonly #garbage: Statement<[], number>;
  readonly #rowsOf: Statement<[number, number], number>;
  readonly #deleteRow: Statement<[number], unknown>;
  readonly #forget: readonly Statement<[number], unknown>[];
  readonly #merge: Statement<[number], unknown>;
  readonly #changes: Statement<[], number>;

  constructor({ sqlite }: Database) {
    this.#progress = sqlite.prepare("SELECT content, row_count AS rows FROM maildir_text_progress");
    this.#setProgress = sqlite.prepare("UPDATE maildir_text_progress SET content = ?, row_count = ?");
    this.#waiting = sqlite
      .prepare<[number, number], number>("SELECT id FROM maildir_content WHERE id >= ? ORDER BY id LIMIT ?")
      .pluck();
    this.#exists = sqlite.prepare<[number], number>("SELECT 1 FROM maildir_content WHERE id = ?").pluck();
    this.#insert = sqlite.prepare("INSERT INTO maildir_text (rowid, header, body) VALUES (?, ?, ?)");
    this.#setApart = sqlite.prepare("INSERT OR IGNORE INTO maildir_text_apart VALUES (?)");
    this.#matches = sqlite
      .prepare<[string, number, number], number>(
        "SELECT rowid FROM maildir_text WHERE maildir_text MATCH ? AND rowid > ? ORDER BY rowid LIMIT ?",
      )
      .pluck();
    this.#uncovered = sqlite
      .prepare<[number, number], number>(
        `SELECT uid FROM maildir_message
         WHERE mailbox = ? AND (content >= ? OR content IN (SELECT content FROM maildir_text_apart)) ORDER BY uid`,
      )
      .pluck();
    this.#uidsOf = sqlite
      .prepare<[number, string], number>(
        "SELECT uid FROM maildir_message WHERE mailbox = ? AND content IN (SELECT value FROM json_each(?))",
      )
      .pluck();
    this.#garbage = sqlite.prepare<[], number>("SELECT content FROM maildir_text_garbage LIMIT 1").pluck();
    this.#rowsOf = sqlite
      .prepare<[number, number], number>("SELECT id FROM maildir_text_docsize WHERE id BETWEEN ? AND ? LIMIT 16")
      .pluck();
    this.#deleteRow = sqlite.prepare("DELETE FROM maildir_text WHERE rowid = ?");
    this.#forget = ["garbage", "apart"].map((table) =>
      sqlite.prepare<[number], unknown>(`DELETE FROM maildir_text_${table} WHERE content = ?`),
    );
    this.#merge = sqlite.prepare("INSERT INTO maildir_text (maildir_text, rank) VALUES ('merge', ?)");
    this.#changes = sqlite.prepare<[], number>("SELECT total_changes()").pluck();
  }

  progress(): TextProgress {
    const progress = this.#progress.get();
    if (progress === undefined) throw new Error("the text index has no state");
    return progress;
  }

  /** Contents that are to be indexed, in their order. */
  waiting(count: number): number[] {
    return this.#waiting.all(this.progress().content, count);
  }

  /** Adds the content's next row; one that has more rows than the index can number is set apart. */
  add(content: number, { header, body }: TextRow): void {
    const progress = this.progress();
    if (content < progress.content || this.#exists.get(content) === undefined) return;
    const row = progress.content === content ? progress.rows : 0;
    if (row >= ROWS_PER_CONTENT) return this.setApart(content);
    this.#insert.run(content * ROWS_PER_CONTENT + row, header, body);
    this.#setProgress.run(content, row + 1);
  }

  /** All rows of the content are in. */
  finish(content: number): void {
    if (content >= this.progress().content) this.#setProgress.run(content + 1, 0);
  }

  /** The content cannot be indexed: searches look at it themselves. */
  setApart(content: number): void {
    if (content >= this.progress().content && this.#exists.get(content) !== undefined) this.#setApart.run(content);
    this.finish(content);
  }

  /** Those after `from` that hold the phrase in the column. */
  matches(column: "header" | "body", phrase: string, from: number): TextMatches {
    const query = `${column} : "${phrase.replaceAll('"', '""')}"`;
    const rows = this.#matches.all(query, from, INDEX_ROWS_PER_QUERY);
    const contents = rows.map((row) => Math.floor(row / ROWS_PER_CONTENT));
    return { contents, next: rows.length < INDEX_ROWS_PER_QUERY ? undefined : rows.at(-1) };
  }

  /** UIDs of the mailbox's messages that the index does not cover, ascending. */
  uncovered(mailbox: number): number[] {
    return this.#uncovered.all(mailbox, this.progress().content);
  }

  /** UIDs of the mailbox's messages that have one of the contents. */
  uidsOf(mailbox: number, contents: readonly number[]): number[] {
    return this.#uidsOf.all(mailbox, JSON.stringify(contents));
  }

  /** Removes some rows of contents that are gone; false if there was nothing to remove. */
  removeSome(): boolean {
    const content = this.#garbage.get();
    if (content === undefined) return false;
    const first = content * ROWS_PER_CONTENT;
    const rows = this.#rowsOf.all(first, first + ROWS_PER_CONTENT - 1);
    for (const row of rows) this.#deleteRow.run(row);
    if (rows.length === 0) for (const statement of this.#forget) statement.run(content);
    return true;
  }

  /** Merges some of what was added one by one; false if there is nothing more to merge. */
  merge(): boolean {
    const before = this.#changes.get() ?? 0;
    this.#merge.run(INDEX_MERGE_PAGES);
    // SQLite's manual, FTS5 section 6.8: a merge that did nothing counts less than two changes.
    return (this.#changes.get() ?? 0) - before >= 2;
  }
}
