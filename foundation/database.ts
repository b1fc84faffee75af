import { closeSync, openSync } from "node:fs";
import SQLite from "better-sqlite3-multiple-ciphers";
import { errorCode } from "./failure.ts";

/** A part's tables: each entry is run once, in order; an entry that was released is never changed again. */
export interface Schema {
  /** Names the part in the table of versions, for instance `maildir`. */
  readonly part: string;
  readonly migrations: readonly string[];
}

/** The key does not open the database file: a wrong key, or a damaged first page. Nothing was changed. */
export class WrongDatabaseKey extends Error {
  override name = "WrongDatabaseKey";
}

interface Waiting {
  readonly work: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One SQLite file, every page encrypted when a key is given (ChaCha20-Poly1305, as SQLite3MultipleCiphers writes it).
 * WAL with `synchronous=FULL`: what a transaction committed is on the disk.
 */
export class Database {
  readonly sqlite: SQLite.Database;
  #waiting: Waiting[] = [];
  #afterCommit: (() => void)[] = [];
  #scheduled = false;
  readonly #control: Readonly<
    Record<"begin" | "commit" | "rollback" | "savepoint" | "release" | "back", SQLite.Statement>
  >;

  /**
   * Opens or creates the file. The key is 32 bytes; the page size, in bytes, is taken when the file is created.
   * @throws WrongDatabaseKey
   */
  constructor(path: string, key?: Uint8Array, pageSize = 4_096) {
    createPrivately(path);
    this.sqlite = new SQLite(path);
    try {
      if (key !== undefined) {
        this.sqlite.pragma("cipher = 'chacha20'");
        this.sqlite.pragma(`key = 'raw:${Buffer.from(key).toString("hex")}'`);
      }
      this.sqlite.pragma(`page_size = ${pageSize}`);
      this.sqlite.pragma("temp_store = MEMORY");
      this.sqlite.pragma("journal_mode = WAL");
      this.sqlite.pragma("synchronous = FULL");
      this.sqlite.pragma("foreign_keys = ON");
      this.sqlite.exec(
        "CREATE TABLE IF NOT EXISTS part_version (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT",
      );
      rememberStatements(this.sqlite);
      this.#control = {
        begin: this.sqlite.prepare("BEGIN IMMEDIATE"),
        commit: this.sqlite.prepare("COMMIT"),
        rollback: this.sqlite.prepare("ROLLBACK"),
        savepoint: this.sqlite.prepare("SAVEPOINT nested"),
        release: this.sqlite.prepare("RELEASE nested"),
        back: this.sqlite.prepare("ROLLBACK TO nested"),
      };
    } catch (error) {
      this.sqlite.close();
      if (errorCode(error) === "SQLITE_NOTADB") throw new WrongDatabaseKey();
      throw error;
    }
  }

  /** Brings a part's tables up to date, in one transaction. A database from a newer program is refused. */
  migrate(schema: Schema): void {
    this.transaction(() => {
      const row = this.sqlite.prepare("SELECT version FROM part_version WHERE part = ?").pluck().get(schema.part);
      const version = typeof row === "number" ? row : 0;
      if (version > schema.migrations.length)
        throw new Error(
          `the ${schema.part} tables are of version ${version}, newer than this program: install the newer one`,
        );
      for (const migration of schema.migrations.slice(version)) this.sqlite.exec(migration);
      this.sqlite
        .prepare("INSERT INTO part_version VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET version = excluded.version")
        .run(schema.part, schema.migrations.length);
    });
  }

  /** Runs the work in one transaction, durable on return; nests as a savepoint. */
  transaction<T>(work: () => T): T {
    const nested = this.sqlite.inTransaction;
    const { begin, commit, rollback, savepoint, release, back } = this.#control;
    const before = this.#afterCommit.length;
    (nested ? savepoint : begin).run();
    let result: T;
    try {
      result = work();
      (nested ? release : commit).run();
    } catch (error) {
      // SQLite has rolled back by itself where the disk is full.
      if (this.sqlite.inTransaction) {
        if (nested) back.run();
        (nested ? release : rollback).run();
      }
      this.#afterCommit.length = before;
      throw error;
    }
    if (!nested) this.#runAfterCommit();
    return result;
  }

  /** Calls back once what the running transaction wrote is durable; never if it is rolled back. */
  afterCommit(callback: () => void): void {
    this.#afterCommit.push(callback);
    if (!this.sqlite.inTransaction) this.#runAfterCommit();
  }

  /**
   * Runs the work in a transaction that it shares with whatever else is handed in at the same time, so that many
   * callers pay for one fsync. Work that throws is rolled back alone. Resolves when the result is durable.
   */
  commit<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve: resolve as (value: never) => void, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#commitWaiting());
    });
  }

  close(): void {
    if (this.#waiting.length > 0) this.#commitWaiting();
    this.sqlite.close();
  }

  #commitWaiting(): void {
    this.#scheduled = false;
    const batch = this.#waiting;
    this.#waiting = [];
    const done: (() => void)[] = [];
    try {
      this.transaction(() => {
        for (const { work, resolve, reject } of batch) {
          try {
            const value = (batch.length === 1 ? work() : this.transaction(work)) as never;
            done.push(() => resolve(value));
          } catch (error) {
            if (batch.length === 1 || !this.sqlite.inTransaction) throw error;
            done.push(() => reject(error));
          }
        }
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const settle of done) settle();
  }

  #runAfterCommit(): void {
    const callbacks = this.#afterCommit;
    this.#afterCommit = [];
    for (const callback of callbacks) callback();
  }
}

/** SQLite would create the file, and the ones it keeps beside it, for everybody to read. */
export function createPrivately(path: string): void {
  if (path !== ":memory:") closeSync(openSync(path, "a", 0o600));
}

/** Texts beyond this many are compiled anew each time; a program has some hundreds. */
const REMEMBERED_STATEMENTS = 1_000;

/**
 * Makes `prepare` give the same statement for the same text: compiling one costs more than running most. A statement
 * must therefore be run to its end at once, never iterated while others work.
 */
function rememberStatements(sqlite: SQLite.Database): void {
  const statements = new Map<string, SQLite.Statement>();
  const prepare = sqlite.prepare.bind(sqlite);
  const remembering = (text: string): SQLite.Statement => {
    const known = statements.get(text);
    if (known !== undefined) return known.reader ? known.pluck(false) : known;
    const statement = prepare(text);
    if (statements.size < REMEMBERED_STATEMENTS) statements.set(text, statement);
    return statement;
  };
  sqlite.prepare = remembering as typeof sqlite.prepare;
}
