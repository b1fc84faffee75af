import { MessageChannel, type TransferListItem, Worker } from "node:worker_threads";
import { ContentFerry } from "./content-ferry.ts";
import type { LetterFile } from "./letter-file.ts";
import type {
  FileLink,
  LargeLetterOrder,
  LetterAnswer,
  LetterOrder,
  LetterRecipients,
  LinkOrder,
  RefusedLinks,
} from "./letter-service.ts";
import type { WrittenMessage } from "./message-writer.ts";

interface Waiting {
  readonly resolve: (result: Uint8Array | RefusedLinks | WrittenMessage) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread loads no TypeScript, so it is for the built program alone. */
const IS_BUILT = import.meta.url.endsWith(".js");

/**
 * Seals letters and writes their files beside the main thread, which parses small ones meanwhile, and links files while
 * the main thread commits those before. It starts with the first order; until it runs, where it cannot, and after it
 * broke, nothing is done and the caller does it all. Keeps the process alive while it works.
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

  /** Whether orders are taken just now; the first question starts the thread. */
  get isReady(): boolean {
    if (this.#worker === undefined && !this.#broken) this.#start();
    return this.#ready;
  }

  /**
   * The SHA-256 of the letter, once its file and its name are on the disk.
   * @throws what the file system says; nothing is left behind then
   */
  async write(letter: LetterFile, directory: string): Promise<Buffer> {
    const hash = (await this.#order({ letter, directory })) as Uint8Array;
    return Buffer.from(hash);
  }

  /**
   * Writes a letter of any size, at the pace at which the thread takes it; what became known of it, once its file and its
   * name are on the disk.
   * @throws what the content throws, and what the file system says; nothing is left behind then
   */
  async writeLarge(
    large: LargeLetterOrder["large"],
    directory: string,
    content: AsyncIterable<Uint8Array>,
  ): Promise<WrittenMessage> {
    const { port1: own, port2: octets } = new MessageChannel();
    const ferry = new ContentFerry(own);
    const writing = this.#order({ large, octets, directory }, [octets]);
    // Whoever waits for room hears that it is over.
    const over = writing.then(
      () => ferry.close(),
      () => ferry.close(),
    );
    try {
      for await (const piece of content) if (!(await ferry.push(piece))) break;
      ferry.end();
    } catch (error) {
      ferry.close();
      await over;
      throw error;
    }
    const { size, contentHash, header, root } = (await writing) as WrittenMessage;
    return { size, contentHash: Buffer.from(contentHash), header: Buffer.from(header), root };
  }

  /** The links that were refused, once all others are on the disk. @throws what the file system says of the directory */
  async link(links: readonly FileLink[], directory: string): Promise<RefusedLinks> {
    return (await this.#order({ links, directory })) as RefusedLinks;
  }

  /** Nothing is written afterwards; what waits fails. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#break(new Error("the store was closed"));
    await worker?.terminate();
  }

  #order(
    order: Omit<LetterOrder, "number"> | Omit<LargeLetterOrder, "number"> | Omit<LinkOrder, "number">,
    transferred: readonly TransferListItem[] = [],
  ): Promise<Uint8Array | RefusedLinks | WrittenMessage> {
    return new Promise((resolve, reject) => {
      const worker = this.#worker;
      if (worker === undefined) throw new Error("the thread that writes letters does not run");
      const number = ++this.#last;
      if (this.#waiting.size === 0) worker.ref();
      this.#waiting.set(number, { resolve, reject });
      worker.postMessage({ number, ...order }, transferred);
    });
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
    if (answer.code === undefined) waiting?.resolve(answer.result);
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
