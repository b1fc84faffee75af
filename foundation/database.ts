import { closeSync, fdatasync, fdatasyncSync, fsyncSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import SQLite from "better-sqlite3-multiple-ciphers";
import { CheckpointThread } from "./checkpoint-thread.ts";
import { type CheckpointLimits, Checkpoints } from "./checkpoints.ts";
import { errorCode, Failure } from "./failure.ts";

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

export interface DatabaseOptions {
  /** Bytes; taken when the file is created. */
  readonly pageSize?: number;
  /**
   * SQLite syncs inside each commit, so that nobody in this process can read what a power cut may undo; for who hands
   * out numbers that must never be given twice.
   */
  readonly syncAtCommit?: boolean;
  readonly checkpoints?: CheckpointLimits;
}

/** What is committed, but not yet known to be on the disk. */
interface Unsynced {
  readonly ticket: number;
  readonly settle: (error?: unknown) => void;
}

/** Pages that are kept opened in memory, in KiB: an evening's worth of listings and the inner pages of all tables. */
const PAGE_CACHE_KIB = 8_192;

/**
 * One SQLite file, every page encrypted when a key is given, as SQLite3MultipleCiphers does it: with AEGIS-256
 * (draft-irtf-cfrg-aegis-aead), which costs no measurable time where the processor has AES instructions; a file that was
 * made with ChaCha20-Poly1305 keeps that, at some 10 microseconds a page.
 *
 * WAL with `synchronous=NORMAL`, where SQLite itself syncs at checkpoints alone, which another thread does, and where the
 * log begins anew: that keeps the file whole through a power cut, and this class syncs the log after each commit, in a thread of its own and once for all commits that wait, before
 * anybody is told that something is durable. After a sync that failed nobody can know what the disk holds, and a second
 * one would not say it (Linux reports a lost write once): every later transaction is refused, until the next start.
 */
export class Database {
  readonly sqlite: SQLite.Database;
  #waiting: Waiting[] = [];
  #afterCommit: (() => void)[] = [];
  #afterSync: (() => void)[] = [];
  #scheduled = false;
  /** What this class syncs, if SQLite does not. */
  readonly #logPath: string | undefined;
  #log: number | undefined;
  #unsynced: Unsynced[] = [];
  #tickets = 0;
  #syncing = false;
  /** What the disk said to the sync that failed. */
  #broken: unknown;
  readonly #checkpoints: Checkpoints | undefined;
  readonly #control: Readonly<
    Record<"begin" | "commit" | "rollback" | "savepoint" | "release" | "back", SQLite.Statement>
  >;

  /**
   * Opens or creates the file. The key is 32 bytes.
   * @throws WrongDatabaseKey
   */
  constructor(path: string, key?: Uint8Array, options: DatabaseOptions = {}) {
    const { pageSize = 4_096, syncAtCommit = false, checkpoints: limits } = options;
    createPrivately(path);
    if (!syncAtCommit && path !== ":memory:") this.#logPath = `${path}-wal`;
    this.sqlite = new SQLite(path);
    try {
      const opening =
        key === undefined ? [] : [`cipher = '${cipherOf(path)}'`, `key = 'raw:${Buffer.from(key).toString("hex")}'`];
      for (const pragma of opening) this.sqlite.pragma(pragma);
      this.sqlite.pragma(`page_size = ${pageSize}`);
      this.sqlite.pragma("temp_store = MEMORY");
      this.sqlite.pragma(`cache_size = ${-PAGE_CACHE_KIB}`);
      this.sqlite.pragma("journal_mode = WAL");
      this.sqlite.pragma(`synchronous = ${syncAtCommit ? "FULL" : "NORMAL"}`);
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
      if (this.#logPath !== undefined)
        this.#checkpoints = new Checkpoints({
          sqlite: this.sqlite,
          start: () => new CheckpointThread(path, opening),
          onLost: (error) => this.#fail(error),
          ...(limits !== undefined && { limits }),
        });
    } catch (error) {
      this.sqlite.close();
      if (errorCode(error) === "SQLITE_NOTADB") throw new WrongDatabaseKey();
      throw error;
    }
  }

  /** Brings a part's tables up to date, in one transaction. @throws Failure forbidden, for a database of a newer program */
  migrate(schema: Schema): void {
    this.transaction(() => {
      const row = this.sqlite.prepare("SELECT version FROM part_version WHERE part = ?").pluck().get(schema.part);
      const version = typeof row === "number" ? row : 0;
      if (version > schema.migrations.length)
        throw new Failure(
          "forbidden",
          `the ${schema.part} tables are of version ${version}, newer than this program: install the newer one; nothing was changed`,
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
    const result = this.#run(work);
    if (!nested) this.#syncNow();
    return result;
  }

  /** Runs the work in one transaction that nobody waits for: a power cut may undo it, until something else is durable. */
  transactionUnsynced<T>(work: () => T): T {
    return this.#run(work);
  }

  /**
   * Calls back right after the running transaction's commit, when everybody in this process sees what it wrote; a power
   * cut in the next moment may still undo it. Never if it is rolled back.
   */
  afterCommit(callback: () => void): void {
    this.#afterCommit.push(callback);
    if (!this.sqlite.inTransaction) this.#runAfterCommit();
  }

  /** Calls back once what the running transaction wrote is durable; never if it is rolled back. */
  afterSync(callback: () => void): void {
    if (this.sqlite.inTransaction) this.#afterSync.push(callback);
    else callback();
  }

  /**
   * Runs the work in a transaction that it shares with whatever else is handed in at the same time, so that many
   * callers pay for one fsync; while one is under way all wait for the next. Work that throws is rolled back alone.
   * Resolves when the result is durable.
   */
  commit<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject });
      if (!this.#syncing) this.#schedule();
    });
  }

  /** Resolves when the log is not being copied into the file. */
  async checkpointed(): Promise<void> {
    await this.#checkpoints?.idle();
  }

  close(): void {
    this.#commitWaiting();
    try {
      if (this.#unsynced.length > 0) this.#syncNow();
    } finally {
      this.#checkpoints?.close();
      this.sqlite.close();
      if (this.#log !== undefined) closeSync(this.#log);
      this.#log = undefined;
    }
  }

  /** The transaction or savepoint itself, without the sync. */
  #run<T>(work: () => T): T {
    const nested = this.sqlite.inTransaction;
    if (this.#broken !== undefined && !nested) throw lost(this.#broken);
    const { begin, commit, rollback, savepoint, release, back } = this.#control;
    const before = { commit: this.#afterCommit.length, sync: this.#afterSync.length };
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
      this.#afterCommit.length = before.commit;
      this.#afterSync.length = before.sync;
      throw error;
    }
    if (!nested) {
      const callbacks = this.#afterSync;
      this.#afterSync = [];
      for (const callback of callbacks) this.#enqueue((error) => error === undefined && callback());
      this.#runAfterCommit();
      this.#checkpoints?.consider();
    }
    return result;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#commitSoon());
  }

  #commitSoon(): void {
    const congestion = this.#checkpoints?.congestion;
    if (congestion === undefined) this.#commitWaiting();
    else void congestion.then(() => this.#commitWaiting());
  }

  #commitWaiting(): void {
    this.#scheduled = false;
    if (this.#waiting.length === 0) return;
    const batch = this.#waiting;
    this.#waiting = [];
    const done: ((error?: unknown) => void)[] = [];
    try {
      this.#run(() => {
        for (const { work, resolve, reject } of batch) {
          try {
            const value = (batch.length === 1 ? work() : this.#run(work)) as never;
            done.push((error) => (error === undefined ? resolve(value) : reject(error)));
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
    for (const settle of done) this.#enqueue(settle);
    this.#syncSoon();
  }

  #runAfterCommit(): void {
    const callbacks = this.#afterCommit;
    this.#afterCommit = [];
    // What is committed stays committed: an exception here is a bug of the callback, not the transaction's failure.
    for (const callback of callbacks) {
      try {
        callback();
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
  }

  #enqueue(settle: (error?: unknown) => void): void {
    this.#unsynced.push({ ticket: ++this.#tickets, settle });
  }

  /** Syncs in the thread pool; what is committed meanwhile waits for the next round. */
  #syncSoon(): void {
    const log = this.#logFile();
    if (log === undefined) return this.#settle(this.#tickets);
    if (this.#syncing) return;
    this.#syncing = true;
    const ticket = this.#tickets;
    fdatasync(log, (error) => {
      this.#syncing = false;
      // What came meanwhile could not have been synced before this: it shares one transaction now, not only one sync.
      if (this.#waiting.length > 0) this.#schedule();
      if (error !== null) return this.#fail(error);
      this.#settle(ticket);
      if (this.#unsynced.length > 0) this.#syncSoon();
    });
  }

  #syncNow(): void {
    const log = this.#logFile();
    try {
      if (log !== undefined) fdatasyncSync(log);
    } catch (error) {
      this.#fail(error);
      throw lost(error);
    }
    this.#settle(this.#tickets);
  }

  /** What is not yet known to be on the disk never will be. */
  #fail(error: unknown): void {
    this.#broken ??= error;
    this.#settle(this.#tickets, lost(error));
  }

  /** Tells, in the order of the commits, those up to the ticket. */
  #settle(ticket: number, error?: unknown): void {
    const first = this.#unsynced.findIndex((one) => one.ticket > ticket);
    const settled = this.#unsynced.splice(0, first < 0 ? this.#unsynced.length : first);
    for (const { settle } of settled) settle(error);
  }

  /** The write-ahead log, opened once; its name in the directory is made durable then. */
  #logFile(): number | undefined {
    if (this.#log === undefined && this.#logPath !== undefined) {
      this.#log = openSync(this.#logPath, "r+");
      const directory = openSync(dirname(this.#logPath), "r");
      fsyncSync(directory);
      closeSync(directory);
    }
    return this.#log;
  }
}

function lost(cause: unknown): Failure {
  return new Failure("damaged", "the disk did not keep what was written: check the disk, then start again", { cause });
}

/** SQLite would create the file, and the ones it keeps beside it, for everybody to read. */
export function createPrivately(path: string): void {
  if (path !== ":memory:") closeSync(openSync(path, "a", 0o600));
}

/** Where SQLite's header says how many octets of each page are kept for nonce and tag; the one part of it that is not sealed. */
const RESERVED_OCTETS_AT = 20;
/** What ChaCha20-Poly1305 takes of them: a nonce and a tag of 16 octets each. AEGIS-256 takes 32 and 32. */
const CHACHA20_RESERVED = 32;

/** What an existing file is encrypted with, or a new one is to be. */
function cipherOf(path: string): "aegis" | "chacha20" {
  if (path === ":memory:") return "aegis";
  const file = openSync(path, "r");
  try {
    const reserved = Buffer.alloc(1);
    readSync(file, reserved, 0, 1, RESERVED_OCTETS_AT);
    return reserved[0] === CHACHA20_RESERVED ? "chacha20" : "aegis";
  } finally {
    closeSync(file);
  }
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
