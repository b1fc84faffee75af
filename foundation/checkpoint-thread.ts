import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { CheckpointResult, CheckpointRunner } from "./checkpoints.ts";

type Answer = (CheckpointResult & { readonly error?: never }) | { readonly error: { code: string; message: string } };

/** A program of its own, as text: a thread cannot load TypeScript, and this must run from the sources in tests too. */
const PROGRAM = `
  const { parentPort, workerData } = require("node:worker_threads");
  const SQLite = require(workerData.module);
  const closed = new Int32Array(workerData.closed);
  let sqlite;
  parentPort.on("message", (order) => {
    try {
      if (order === "close") return;
      if (sqlite === undefined) {
        sqlite = new SQLite(workerData.path, { fileMustExist: true });
        for (const pragma of workerData.pragmas) sqlite.pragma(pragma);
      }
      const [{ log, checkpointed }] = sqlite.pragma("wal_checkpoint(PASSIVE)");
      parentPort.postMessage({ log, checkpointed });
    } catch (error) {
      parentPort.postMessage({ error: { code: String(error.code), message: String(error.message) } });
    } finally {
      if (order === "close") {
        if (sqlite !== undefined) sqlite.close();
        Atomics.store(closed, 0, 1);
        Atomics.notify(closed, 0);
        parentPort.close();
      }
    }
  });
`;

/** Milliseconds that the end waits for a checkpoint that runs. */
const CLOSE_LIMIT = 10_000;

/**
 * Copies what SQLite's log holds into the database file, in a thread with a connection of its own: the disk is waited
 * for twice, and nobody else should wait with it. Keeps the process alive during a checkpoint alone.
 */
export class CheckpointThread implements CheckpointRunner {
  readonly #worker: Worker;
  readonly #closed = new Int32Array(new SharedArrayBuffer(4));
  #waiting: { resolve: (result: CheckpointResult) => void; reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;

  /** `pragmas` open the file. */
  constructor(path: string, pragmas: readonly string[]) {
    const module = createRequire(import.meta.url).resolve("better-sqlite3-multiple-ciphers");
    this.#worker = new Worker(PROGRAM, {
      eval: true,
      workerData: { module, path, pragmas, closed: this.#closed.buffer },
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
      env: {},
      execArgv: [],
    });
    this.#worker.on("message", (answer: Answer) => {
      const waiting = this.#take();
      if (answer.error === undefined) waiting?.resolve(answer);
      else waiting?.reject(Object.assign(new Error(answer.error.message), { code: answer.error.code }));
    });
    this.#worker.on("error", (error) => {
      this.#failure = error;
      this.#take()?.reject(error);
    });
    // After the listeners: each of them would hold the process again.
    this.#worker.unref();
  }

  run(): Promise<CheckpointResult> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#waiting = { resolve, reject };
      this.#worker.ref();
      this.#worker.postMessage("checkpoint");
    });
  }

  /** Whoever waits; nobody does from now on. */
  #take() {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#worker.unref();
    return waiting;
  }

  /** Returns once the thread's connection is closed. */
  close(): void {
    if (this.#failure !== undefined) return;
    this.#worker.postMessage("close");
    Atomics.wait(this.#closed, 0, 0, CLOSE_LIMIT);
  }
}
