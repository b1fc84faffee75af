import { Mutex } from "../../foundation/mutex.ts";
import type { SpecialUse } from "../ports.ts";
import type { KeyBook } from "./key-book.ts";
import type { KeyCollector } from "./key-collector.ts";
import { type ReadLetter, readLetter } from "./read-letter.ts";
import { formatVerdict } from "./verdict.ts";

/** A letter as it comes, and as it is to be stored; the gateway's ports have the same shapes. */
interface Arriving {
  readonly account: string;
  readonly folder?: SpecialUse;
  readonly content: AsyncIterable<Uint8Array>;
}
interface Stored {
  readonly content: AsyncIterable<Uint8Array>;
  readonly keywords: readonly string[];
  readonly isHere?: boolean;
}

export interface OpenPgpReaderOptions {
  readonly book: KeyBook;
  readonly collector: KeyCollector;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** What is done with every letter of the old road; its content is the opened one's. */
  readonly next: (letter: Arriving, opened: ReadLetter) => Promise<Stored>;
}

/**
 * Opens and checks what comes by the old road before it is stored.
 */
export function createOpenPgpReader({ book, collector, now, next }: OpenPgpReaderOptions) {
  const turns = new Mutex();
  return async (letter: Arriving): Promise<Stored> => {
    const read = await readLetter(letter.content, {
      keys: book,
      now: now(),
      collect: (...seen) => collector.collect(...seen),
      turns,
    });
    const stored = await next({ ...letter, content: read.content }, read);
    const keywords = [...new Set([...stored.keywords, ...read.keywords])];
    return { ...stored, content: behind(formatVerdict(read.verdict), stored.content), keywords };
  };
}

async function* behind(field: string, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(field, "latin1");
  yield* content;
}
