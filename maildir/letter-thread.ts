import { Worker } from "node:worker_threads";
import type { LetterFile } from "./letter-file.ts";
import type { LetterAnswer, LetterOrder, LetterRecipients } from "./letter-service.ts";

interface Waiting {
  readonly resolve: (contentHash: Buffer) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread loads no TypeScript, so it is for the built program alone. */
const IS_BUILT = import.meta.url.endsWith(".js");

/**
 * Seals small letters and writes their files beside the main thread, which parses them meanwhile. It starts with the
 * first letter; until it runs, where it cannot, and after it broke, `write` does nothing and the caller does it all.
 * Keeps the process alive while letters are written.
 */
export class LetterThread {
  readonly #recipients: LetterRecipients;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #ready = false;
  #broken = !IS_BUILT;
  #last = 0;

  constructor(recipients: LetterRecipients) {
    this.#recipients = recipients;
  }

  /**
   * The SHA-256 of the letter, once its file and its name are on the disk; undefined where the thread does not run.
   * @throws what the file system says; nothing is left behind then
   */
  write(letter: LetterFile, directory: string): Promise<Buffer> | undefined {
    if (this.#worker === undefined && !this.#broken) this.#start();
    const worker = this.#worker;
    if (worker === undefined || !this.#ready) return undefined;
    return new Promise((resolve, reject) => {
      const number = ++this.#last;
      if (this.#waiting.size === 0) worker.ref();
      this.#waiting.set(number, { resolve, reject });
      worker.postMessage({ number, letter, directory } satisfies LetterOrder);
    });
  }

  /** Nothing is written afterwards; what waits fails. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#break(new Error("the store was closed"));
    await worker?.terminate();
  }

  #start(): void {
    const program = new URL("./letter-thread-program.js", import.meta.url);
    const worker = new Worker(program, { workerData: this.#recipients, env: {}, execArgv: [] });
    worker.on("message", (answer: LetterAnswer | "ready") => {
      if (answer === "ready") this.#ready = true;
      else this.#settle(worker, answer);
    });
    worker.on("error", (error) => this.#break(error));
    worker.on("exit", () => this.#break(new Error("the thread that writes letters ended")));
    worker.unref();
    this.#worker = worker;
  }

  #settle(worker: Worker, answer: LetterAnswer): void {
    const waiting = this.#waiting.get(answer.number);
    this.#waiting.delete(answer.number);
    if (this.#waiting.size === 0) worker.unref();
    if (answer.code === undefined) waiting?.resolve(Buffer.from(answer.contentHash));
    else waiting?.reject(Object.assign(new Error(answer.message), { code: answer.code }));
  }

  #break(error: unknown): void {
    this.#broken = true;
    this.#ready = false;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
