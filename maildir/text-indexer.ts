import { errorCode, Failure } from "../foundation/failure.ts";
import { decodedBody, decodedHeader } from "../mime/decoded-text.ts";
import type { Part } from "../mime/part.ts";
import { TextChunks } from "./folded-text.ts";
import {
  INDEX_BUSY,
  INDEX_DELAY,
  INDEX_IDLE,
  INDEX_LETTER_COST,
  INDEX_LETTERS_PER_QUERY,
  INDEX_LONGER_PAUSE,
  INDEX_MOST_DELAYS,
  INDEX_MOST_WAITS,
  INDEX_PAUSE,
  INDEX_RETRY_DELAY,
  INDEX_SLICE,
  INDEX_SPELL,
} from "./limits.ts";
import type { Storage } from "./storage.ts";
import type { TextRow } from "./text-index.ts";

/** A letter as the indexer reads it. */
export interface IndexedLetter {
  readonly header: Buffer;
  readonly structure: Part;
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

/** What is done next about a content: a row of its text, or that there are no more. */
type Step = { readonly content: number } & (
  | { readonly row: TextRow; readonly end?: never }
  | { readonly row?: never; readonly end: "whole" | "damaged" }
);

/**
 * Brings what was stored into the full-text index, a few milliseconds at a time and some while after the commit. Nobody
 * waits for it, so nothing is synced: what a crash undoes is done again.
 */
export class TextIndexer {
  readonly #storage: Pick<Storage, "db" | "clock" | "logger" | "texts">;
  /** The letter of a content, undefined if no message has it any more. */
  readonly #letter: (content: number) => IndexedLetter | undefined;
  #scheduled: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #endPause: (() => void) | undefined;
  #woken = false;
  #lastWoken = 0;
  /** Slices that are still done before letters that come are waited for. */
  #spell = 0;
  #closed = false;

  constructor(
    storage: Pick<Storage, "db" | "clock" | "logger" | "texts">,
    letter: (content: number) => IndexedLetter | undefined,
  ) {
    this.#storage = storage;
    this.#letter = letter;
  }

  /** There may be something to do. */
  wake(): void {
    this.#woken = true;
    this.#lastWoken = this.#storage.clock.now();
    if (this.#running === undefined) this.#schedule(INDEX_DELAY);
  }

  /** Stops after the slice that runs. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#scheduled?.();
    this.#scheduled = undefined;
    this.#endPause?.();
    await this.#running;
  }

  #schedule(delay: number): void {
    if (this.#closed) return;
    this.#scheduled ??= this.#storage.clock.after(delay, () => {
      this.#scheduled = undefined;
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    const { texts, logger } = this.#storage;
    try {
      this.#woken = false;
      this.#spell = 0;
      await this.#indexWaiting();
      while (!this.#closed && this.#write(() => texts.removeSome())) await this.#pause();
      while (!this.#closed && this.#write(() => texts.merge())) await this.#pause();
      this.#running = undefined;
      if (this.#woken) this.#schedule(INDEX_DELAY);
    } catch (error) {
      this.#running = undefined;
      logger("warn", "the search index cannot be brought up to date: searches are slower until it is", {
        reason: error instanceof Failure ? error.code : errorCode(error),
      });
      this.#schedule(INDEX_RETRY_DELAY);
    }
  }

  async #indexWaiting(): Promise<void> {
    const { texts } = this.#storage;
    for (;;) {
      const contents = texts.waiting(INDEX_LETTERS_PER_QUERY);
      if (contents.length === 0) return;
      let slice: Step[] = [];
      let cost = 0;
      for await (const step of this.#steps(contents)) {
        slice.push(step);
        cost += step.row === undefined ? INDEX_LETTER_COST : step.row.header.length + step.row.body.length;
        if (cost < INDEX_SLICE) continue;
        await this.#take(slice);
        if (this.#closed) return;
        slice = [];
        cost = 0;
      }
      await this.#take(slice);
      if (this.#closed) return;
    }
  }

  async #take(slice: readonly Step[]): Promise<void> {
    const { texts } = this.#storage;
    this.#write(() => {
      for (const { content, row, end } of slice) {
        if (row !== undefined) texts.add(content, row);
        else if (end === "whole") texts.finish(content);
        else texts.setApart(content);
      }
    });
    await this.#pause();
    if (!this.#closed && this.#write(() => texts.merge())) await this.#pause();
  }

  async *#steps(contents: readonly number[]): AsyncGenerator<Step> {
    const { texts } = this.#storage;
    for (const content of contents) {
      const progress = texts.progress();
      let known = progress.content === content ? progress.rows : 0;
      try {
        for await (const row of this.#rows(content)) if (known-- <= 0) yield { content, row };
        yield { content, end: "whole" };
      } catch (error) {
        if (!(error instanceof Failure && (error.code === "damaged" || error.code === "nonexistent"))) throw error;
        yield { content, end: "damaged" };
      }
    }
  }

  async *#rows(content: number): AsyncGenerator<TextRow> {
    const letter = this.#letter(content);
    if (letter === undefined) return;
    const headers = new TextChunks();
    const headerRows = [...headers.add(decodedHeader(letter.header) ?? "")];
    const lastHeader = headers.end();
    if (lastHeader !== undefined) headerRows.push(lastHeader);
    const nextHeader = headerRows.values();
    const bodies = new TextChunks();
    for await (const piece of decodedBody(letter.structure, (start, end) => letter.read(start, end)))
      for (const body of bodies.add(piece)) yield { header: nextHeader.next().value ?? "", body };
    const body = bodies.end() ?? "";
    const header = nextHeader.next().value ?? "";
    if (header !== "" || body !== "") yield { header, body };
    for (const rest of nextHeader) yield { header: rest, body: "" };
  }

  #write<T>(work: () => T): T {
    return this.#storage.db.transactionUnsynced(work);
  }

  /** Lets the others have their turn, a longer one where they have much to do. */
  async #pause(): Promise<void> {
    await this.#letLettersCome();
    for (let waits = 0; waits < INDEX_MOST_WAITS && !this.#closed; waits++) {
      const before = performance.eventLoopUtilization();
      await this.#wait(waits === 0 ? INDEX_PAUSE : INDEX_LONGER_PAUSE);
      if (performance.eventLoopUtilization(before).utilization < INDEX_IDLE) return;
    }
  }

  /** Waits while letters come; not for ever, then many slices are done whatever comes. */
  async #letLettersCome(): Promise<void> {
    if (this.#spell > 0) {
      this.#spell--;
      return;
    }
    const { clock } = this.#storage;
    for (let delays = 0; delays < INDEX_MOST_DELAYS && !this.#closed; delays++) {
      if (Math.abs(clock.now() - this.#lastWoken) >= INDEX_BUSY) return;
      await this.#wait(INDEX_BUSY);
    }
    this.#spell = INDEX_SPELL;
  }

  async #wait(milliseconds: number): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#storage.clock.after(milliseconds, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
    this.#endPause = undefined;
  }
}
