import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database } from "../foundation/database.ts";
import { isWord, wordsOf } from "./folded-text.ts";
import { INDEX_MERGE_PAGES } from "./limits.ts";

/** Rows of the full-text index that one content can have; their numbers follow from the content's. */
const ROWS_PER_CONTENT = 4_096;

/**
 * Contents in one table of the index. What FTS5 does in one go, a query or the end of a merge, grows with its table: some
 * 10 MB of text keep that at some milliseconds.
 */
const CONTENTS_PER_TABLE = 1_024;

/** Tables that are looked at in one go for something to merge. */
const TABLES_AT_A_TIME = 8;

/** Characters of the tokenizer's unit. */
const TRIGRAM = 3;

/** Level of compression of the stored texts: the fastest makes them a third, the best not much less. */
const DEFLATE_LEVEL = 1;

/** Which text of a letter is looked at. */
export type TextColumn = "header" | "body";

/** What a table has of a letter: the trigrams of its header or its body, or the words of its body. */
type TableKind = TextColumn | "word";

const KINDS: readonly TableKind[] = ["header", "body", "word"];

const TOKENIZERS: Readonly<Record<TableKind, string>> = {
  header: "trigram case_sensitive 1",
  body: "trigram case_sensitive 1",
  word: "ascii",
};

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

/** Rows that may hold a phrase. */
export interface TextCandidates {
  /** Rows that hold it as a word: their texts need not be looked at. */
  readonly sure: readonly number[];
  /** Rows of one table that have all the phrase's trigrams, wherever they stand. */
  readonly rows: readonly number[];
  /** The table to look at next, undefined at the end. */
  readonly next: number | undefined;
}

/**
 * The full-text index of letters' folded texts: which trigrams each piece of a text has, without their positions, and the
 * pieces of bodies themselves, compressed, to see whether a phrase really stands in them. With positions the index alone
 * could tell, but it was larger than the mail; of a word it can, where words have an index too. It is made from the letters in the background and lags behind, so whoever
 * asks it also asks which messages it does not cover. Whatever writes runs inside the caller's transaction.
 */
export class TextIndex {
  readonly #db: Database;
  /** Names of tables that are there. */
  readonly #tables: Set<string>;
  /** Those in which there may be something to merge. */
  readonly #unmerged = new Set<string>();
  /** Tables of another form that an older program made. */
  readonly #outdated: string[];
  readonly #progress: Statement<[], TextProgress>;
  readonly #setProgress: Statement<[number, number], unknown>;
  readonly #waiting: Statement<[number, number], number>;
  readonly #exists: Statement<[number], number>;
  readonly #setApart: Statement<[number], unknown>;
  readonly #apart: Statement<[], number>;
  readonly #keepBody: Statement<[number, Uint8Array], unknown>;
  readonly #body: Statement<[number], Buffer>;
  readonly #dropBody: Statement<[number], unknown>;
  readonly #garbage: Statement<[], number>;
  readonly #forget: readonly Statement<[number], unknown>[];
  readonly #changes: Statement<[], number>;

  constructor(db: Database) {
    this.#db = db;
    const { sqlite } = db;
    const virtual = sqlite
      .prepare<[], string>("SELECT name FROM sqlite_schema WHERE name GLOB 'maildir_*_[0-9]*' AND rootpage = 0")
      .pluck()
      .all();
    this.#tables = new Set(virtual.filter((name) => !name.startsWith("maildir_text_")));
    for (const name of this.#tables) this.#unmerged.add(name);
    this.#outdated = virtual.filter((name) => name.startsWith("maildir_text_"));
    this.#progress = sqlite.prepare("SELECT content, row_count AS rows FROM maildir_text_progress");
    this.#setProgress = sqlite.prepare("UPDATE maildir_text_progress SET content = ?, row_count = ?");
    this.#waiting = sqlite
      .prepare<[number, number], number>("SELECT id FROM maildir_content WHERE id >= ? ORDER BY id LIMIT ?")
      .pluck();
    this.#exists = sqlite.prepare<[number], number>("SELECT 1 FROM maildir_content WHERE id = ?").pluck();
    this.#setApart = sqlite.prepare("INSERT OR IGNORE INTO maildir_text_apart VALUES (?)");
    this.#apart = sqlite.prepare<[], number>("SELECT content FROM maildir_text_apart").pluck();
    this.#keepBody = sqlite.prepare("INSERT OR REPLACE INTO maildir_text_body VALUES (?, ?)");
    this.#body = sqlite.prepare<[number], Buffer>("SELECT text FROM maildir_text_body WHERE row = ?").pluck();
    this.#dropBody = sqlite.prepare("DELETE FROM maildir_text_body WHERE row = ?");
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
    const number = content * ROWS_PER_CONTENT + row;
    if (header !== "") this.#insert("header", number, header);
    if (body !== "") {
      this.#insert("body", number, body);
      const words = wordsOf(body);
      if (words !== "") this.#insert("word", number, words);
      this.#keepBody.run(number, deflateRawSync(body, { level: DEFLATE_LEVEL }));
    }
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

  /** Which rows may hold the phrase of three characters or more, table by table from the one of that number on. */
  candidates(column: TextColumn, phrase: string, from: number): TextCandidates {
    const numbers = [...this.#tables].filter((name) => name.startsWith(tableName(column, ""))).map(numberOf);
    const [table, next] = numbers.filter((one) => one >= from).sort((a, b) => a - b);
    if (table === undefined) return { sure: [], rows: [], next: undefined };
    const sure = column === "body" && isWord(phrase) ? this.#matching(tableName("word", table), `"${phrase}"`) : [];
    return { sure, rows: this.#matching(tableName(column, table), allTrigrams(phrase)), next };
  }

  /** None where there is no such table: an earlier program made no tables of words. */
  #matching(name: string, query: string): number[] {
    if (!this.#tables.has(name)) return [];
    const select = this.#db.sqlite.prepare<[string], number>(`SELECT rowid FROM ${name} WHERE ${name} MATCH ?`);
    return select.pluck().all(query);
  }

  /** Whether the body's piece of that row holds the folded needle, in UTF-8. */
  bodyHolds(row: number, needle: Buffer): boolean {
    const text = this.#body.get(row);
    return text !== undefined && inflateRawSync(text).includes(needle);
  }

  /** Tells of a content whether the index does not cover it, as it is now. */
  uncovered(): (content: number) => boolean {
    const from = this.progress().content;
    const apart = new Set(this.#apart.all());
    return (content) => content >= from || apart.has(content);
  }

  /** Removes some rows of contents that are gone; false if there was nothing to remove. */
  removeSome(): boolean {
    const outdated = this.#outdated.pop();
    if (outdated !== undefined) {
      this.#db.sqlite.exec(`DROP TABLE ${outdated}`);
      return true;
    }
    const content = this.#garbage.get();
    if (content === undefined) return false;
    const tables = KINDS.map((kind) => tableName(kind, tableOf(content)));
    let removed = 0;
    for (const name of tables.filter((one) => this.#tables.has(one))) {
      const rows = this.#someRows(name, content);
      const remove = this.#db.sqlite.prepare(`DELETE FROM ${name} WHERE rowid = ?`);
      for (const row of rows) {
        remove.run(row);
        this.#dropBody.run(row);
      }
      removed += rows.length;
      if (rows.length > 0) this.#unmerged.add(name);
    }
    if (removed === 0) for (const statement of this.#forget) statement.run(content);
    return true;
  }

  /**
   * Merges some of what was added one by one, and lets go of what was removed; a table that nothing is added to any more
   * becomes one segment, which halves it. False if there is nothing more to do.
   */
  merge(): boolean {
    for (const name of [...this.#unmerged].slice(0, TABLES_AT_A_TIME)) {
      if (this.#tables.has(name) && (this.#mergePages(name, INDEX_MERGE_PAGES) || this.#beginOneSegment(name)))
        return true;
      this.#unmerged.delete(name);
    }
    return this.#unmerged.size > 0;
  }

  /** SQLite's manual, FTS5 section 6.9: a negative number begins to merge all segments into one; a positive one goes on. */
  #beginOneSegment(name: string): boolean {
    if (numberOf(name) >= tableOf(this.progress().content)) return false;
    const segments = this.#db.sqlite.prepare<[], number>(`SELECT COUNT(DISTINCT segid) FROM ${name}_idx`).pluck();
    return (segments.get() ?? 0) > 1 && this.#mergePages(name, -INDEX_MERGE_PAGES);
  }

  /** False if there was nothing to do: a merge that did nothing counts less than two changes. */
  #mergePages(name: string, pages: number): boolean {
    const before = this.#changes.get() ?? 0;
    this.#db.sqlite.prepare(`INSERT INTO ${name} (${name}, rank) VALUES ('merge', ?)`).run(pages);
    return (this.#changes.get() ?? 0) - before >= 2;
  }

  #insert(kind: TableKind, row: number, text: string): void {
    const name = tableName(kind, tableOf(contentOf(row)));
    this.#create(name, TOKENIZERS[kind]);
    this.#db.sqlite.prepare(`INSERT INTO ${name} (rowid, text) VALUES (?, ?)`).run(row, text);
    this.#unmerged.add(name);
  }

  #someRows(name: string, content: number): number[] {
    const first = content * ROWS_PER_CONTENT;
    return this.#db.sqlite
      .prepare<[number, number], number>(`SELECT id FROM ${name}_docsize WHERE id BETWEEN ? AND ? LIMIT 16`)
      .pluck()
      .all(first, first + ROWS_PER_CONTENT - 1);
  }

  /**
   * Row numbers hold the content's id; the texts are not kept in it. Segments are merged by the indexer alone, in slices:
   * left to itself, FTS5 would merge as long as it takes inside an insert. Its pages fit into encrypted ones.
   */
  #create(name: string, tokenizer: string): void {
    if (this.#tables.has(name)) return;
    this.#db.sqlite.exec(
      `CREATE VIRTUAL TABLE IF NOT EXISTS ${name} USING fts5(
         text, content = '', contentless_delete = 1, detail = none, tokenize = '${tokenizer}'
       );
       INSERT INTO ${name} (${name}, rank)
       VALUES ('automerge', 0), ('usermerge', 8), ('crisismerge', 500), ('pgsz', 3900);`,
    );
    this.#db.afterCommit(() => {
      this.#tables.add(name);
      // The one before is complete now.
      for (const table of this.#tables) if (numberOf(table) === numberOf(name) - 1) this.#unmerged.add(table);
    });
  }
}

/** The content that a row belongs to. */
export function contentOf(row: number): number {
  return Math.floor(row / ROWS_PER_CONTENT);
}

function tableOf(content: number): number {
  return Math.floor(content / CONTENTS_PER_TABLE);
}

function tableName(kind: TableKind, table: number | ""): string {
  return `maildir_${kind}_index_${table}`;
}

function numberOf(name: string): number {
  return Number(name.slice(name.lastIndexOf("_") + 1));
}

/** A query that asks for every trigram of the phrase. */
function allTrigrams(phrase: string): string {
  const characters = Array.from(phrase);
  const trigrams = new Set<string>();
  for (let end = TRIGRAM; end <= characters.length; end++)
    trigrams.add(
      `"${characters
        .slice(end - TRIGRAM, end)
        .join("")
        .replaceAll('"', '""')}"`,
    );
  return [...trigrams].join(" AND ");
}
