import type SQLite from "better-sqlite3-multiple-ciphers";
import { errorCode } from "./failure.ts";

/** How far a checkpoint came: frames in the log, and how many of them are in the database file. */
export interface CheckpointResult {
  readonly log: number;
  readonly checkpointed: number;
}

/** Whoever carries checkpoints out, elsewhere than in the thread that commits. */
export interface CheckpointRunner {
  /** One at a time. @throws Error with SQLite's `code` */
  run(): Promise<CheckpointResult>;
  close(): void;
}

export interface CheckpointLimits {
  /** Frames of the log, a page each, that are copied in one go: each time the log begins anew, SQLite syncs inside a commit. */
  readonly due: number;
  /** Frames from which commits wait for the checkpoint: a longer log takes long to read at the next start. */
  readonly longest: number;
}

export const CHECKPOINT_LIMITS: CheckpointLimits = { due: 4_000, longest: 16_000 };

/** Frames that hardly any commit has. */
const LARGE_COMMIT = 256;

/** Commits after which the log is looked at in any case: a look costs a tenth of a small commit. */
const UNSEEN_COMMITS = 8;

export interface CheckpointOptions {
  readonly sqlite: SQLite.Database;
  readonly start: () => CheckpointRunner;
  /** The disk did not keep what was copied. */
  readonly onLost: (error: unknown) => void;
  readonly limits?: CheckpointLimits;
}

/**
 * When SQLite's log is copied into the database file. Left to itself, SQLite does it inside a commit, and everybody waits
 * for two syncs and a thousand pages that are written all over the file.
 */
export class Checkpoints {
  readonly #options: CheckpointOptions;
  readonly #limits: CheckpointLimits;
  /** Tells how long the log is, and does nothing. */
  readonly #look: SQLite.Statement<[], CheckpointResult>;
  #runner: CheckpointRunner | undefined;
  #running: Promise<void> | undefined;
  #log = 0;
  /** Commits to come that hardly make the log too long. */
  #unseen = 0;
  /** Frames of the log that are not to be tried again: the disk was full. */
  #refused = 0;
  #closed = false;

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#limits = options.limits ?? CHECKPOINT_LIMITS;
    this.#look = options.sqlite.prepare("PRAGMA wal_checkpoint(NOOP)");
    options.sqlite.pragma("wal_autocheckpoint = 0");
  }

  /** After a commit: begins a checkpoint if one is due. */
  consider(): void {
    if (this.#closed || (this.#running !== undefined && this.#log > this.#limits.longest)) return;
    if (this.#unseen-- > 0) return;
    const { log, checkpointed } = this.#look.get() ?? { log: 0, checkpointed: 0 };
    this.#log = log;
    if (log < this.#refused) this.#refused = 0;
    const done = Math.max(checkpointed, this.#refused);
    const room = this.#running === undefined ? this.#limits.due - (log - done) : this.#limits.longest - log;
    this.#unseen = Math.min(Math.floor(room / LARGE_COMMIT), UNSEEN_COMMITS - 1);
    if (this.#running !== undefined || room > 0) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#unseen = 0;
    });
  }

  /** What commits that can wait should wait for: the log is too long. */
  get congestion(): Promise<void> | undefined {
    return this.#log > this.#limits.longest ? this.#running : undefined;
  }

  /** Resolves when no checkpoint runs. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Returns once nothing is open any more. */
  close(): void {
    this.#closed = true;
    this.#runner?.close();
  }

  async #run(): Promise<void> {
    try {
      this.#runner ??= this.#options.start();
      await this.#runner.run();
    } catch (error) {
      if (this.#closed) return;
      const code = errorCode(error);
      if (code.startsWith("SQLITE_IOERR")) this.#options.onLost(error);
      else if (code.startsWith("SQLITE_")) this.#refused = this.#look.get()?.log ?? 0;
      else this.#leaveToSqlite();
    }
  }

  /** There can be no thread: slower, but as safe. */
  #leaveToSqlite(): void {
    this.#closed = true;
    this.#options.sqlite.pragma("wal_autocheckpoint = 1000");
  }
}
