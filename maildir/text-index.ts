import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database } from "../foundation/database.ts";
import { INDEX_MERGE_PAGES } from "./limits.ts";

/** Rows of the full-text index that one content can have; their numbers follow from the content's. */
const ROWS_PER_CONTENT = 4_096;

/**
 * Contents in one table of the index. What FTS5 does in one go, a phrase's search or the end of a merge, grows with its
 * table: some 10 MB of text keep that at some milliseconds.
 */
const CONTENTS_PER_TABLE = 1_024;

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
  /** Contents of one table that hold it, some more than once. */
  readonly contents: readonly number[];
  /** The table to look at next, undefined at the end. */
  readonly next: number | undefined;
}

/**
 * The full-text index of letters' folded texts. It is made from the letters in the background and lags behind, so
 * whoever asks it also asks which messages it does not cover. Whatever writes runs inside the caller's transaction.
 */
export class TextIndex {
  readonly #db: Database;
  /** Tables that are there, by number. */
  readonly #tables: Set<number>;
  /** Those in which there may be something to merge. */
  readonly #unmerged = new Set<number>();
  readonly #progress: Statement<[], TextProgress>;
  readonly #setProgress: Statement<[number, number], unknown>;
  readonly #waiting: Statement<[number, number], number>;
  readonly #exists: Statement<[number], number>;
  readonly #setApart: Statement<[number], unknown>;
  readonly #uncovered: Statement<[number, number], number>;
  readonly #uidsOf: Statement<[number, string], number>;
  readonly #garbage: Statement<[], number>;
  readonly #forget: readonly Statement<[number], unknown>[];
  readonly #changes: Statement<[], number>;

  constructor(db: Database) {
    this.#db = db;
    const { sqlite } = db;
    const tables = sqlite
      .prepare<[], string>("SELECT name FROM sqlite_schema WHERE name GLOB 'maildir_text_[0-9]*' AND rootpage = 0")
      .pluck()
      .all();
    this.#tables = new Set(tables.map((name) => Number(name.slice("maildir_text_".length))));
    this.#progress = sqlite.prepare("SELECT content, row_count AS rows FROM maildir_text_progress");
    this.#setProgress = sqlite.prepare("UPDATE maildir_text_progress SET content = ?, row_count = ?");
    this.#waiting = sqlite
      .prepare<[number, number], number>("SELECT id FROM maildir_content WHERE id >= ? ORDER BY id LIMIT ?")
      .pluck();
    this.#exists = sqlite.prepare<[number], number>("SELECT 1 FROM maildir_content WHERE id = ?").pluck();
    this.#setApart = sqlite.prepare("INSERT OR IGNORE INTO maildir_text_apart VALUES (?)");
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
    this.#forget = ["garbage", "apart"].map((table) =>
      sqlite.prepare<[number], unknown>(`DELETE FROM maildir_text_${table} WHERE content = ?`),
    );
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
    const table = tableOf(content);
    this.#create(table);
    this.#db.sqlite
      .prepare(`INSERT INTO maildir_text_${table} (rowid, header, body) VALUES (?, ?, ?)`)
      .run(content * ROWS_PER_CONTENT + row, header, body);
    this.#unmerged.add(table);
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

  /** Which contents hold the phrase in the column, table by table from the one of that number on. */
  matches(column: "header" | "body", phrase: string, from: number): TextMatches {
    const [table, next] = [...this.#tables].filter((one) => one >= from).sort((a, b) => a - b);
    if (table === undefined) return { contents: [], next: undefined };
    const name = `maildir_text_${table}`;
    const query = `${column} : "${phrase.replaceAll('"', '""')}"`;
    const rows = this.#db.sqlite
      .prepare<[string], number>(`SELECT rowid FROM ${name} WHERE ${name} MATCH ?`)
      .pluck()
      .all(query);
    return { contents: rows.map((row) => Math.floor(row / ROWS_PER_CONTENT)), next };
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
    const table = tableOf(content);
    const rows = this.#tables.has(table) ? this.#someRows(table, content) : [];
    const remove = `DELETE FROM maildir_text_${table} WHERE rowid = ?`;
    for (const row of rows) this.#db.sqlite.prepare(remove).run(row);
    if (rows.length > 0) this.#unmerged.add(table);
    else for (const statement of this.#forget) statement.run(content);
    return true;
  }

  /** Merges some of what was added one by one, and lets go of what was removed; false if there is nothing more to do. */
  merge(): boolean {
    for (const table of this.#unmerged) {
      if (!this.#tables.has(table)) {
        this.#unmerged.delete(table);
        continue;
      }
      const before = this.#changes.get() ?? 0;
      const name = `maildir_text_${table}`;
      this.#db.sqlite.prepare(`INSERT INTO ${name} (${name}, rank) VALUES ('merge', ?)`).run(INDEX_MERGE_PAGES);
      // SQLite's manual, FTS5 section 6.9: a merge that did nothing counts less than two changes.
      if ((this.#changes.get() ?? 0) - before >= 2) return true;
      this.#unmerged.delete(table);
    }
    return false;
  }

  #someRows(table: number, content: number): number[] {
    const first = content * ROWS_PER_CONTENT;
    return this.#db.sqlite
      .prepare<[number, number], number>(
        `SELECT id FROM maildir_text_${table}_docsize WHERE id BETWEEN ? AND ? LIMIT 16`,
      )
      .pluck()
      .all(first, first + ROWS_PER_CONTENT - 1);
  }

  /**
   * Row numbers hold the content's id; the texts are not kept. Segments are merged by the indexer alone, in slices: left
   * to itself, FTS5 would merge as long as it takes inside an insert. Its pages fit into encrypted ones.
   */
  #create(table: number): void {
    if (this.#tables.has(table)) return;
    const name = `maildir_text_${table}`;
    this.#db.sqlite.exec(
      `CREATE VIRTUAL TABLE IF NOT EXISTS ${name} USING fts5(
         header, body, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1'
       );
       INSERT INTO ${name} (${name}, rank)
       VALUES ('automerge', 0), ('usermerge', 8), ('crisismerge', 500), ('pgsz', 4000);`,
    );
    this.#db.afterCommit(() => this.#tables.add(table));
  }
}

function tableOf(content: number): number {
  return Math.floor(content / CONTENTS_PER_TABLE);
}
