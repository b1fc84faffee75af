import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { joined } from "../small-content.ts";
import { arrivalDate } from "./header-dates.ts";
import { readHeader } from "./header-reading.ts";
import type { ImportedMessage } from "./message-source.ts";

/** The message in an .eml file, dated by its header or else by the file. */
export async function* readEml(path: string): AsyncGenerator<ImportedMessage> {
  const { mtimeMs } = await stat(path);
  const stream = createReadStream(path);
  try {
    const iterator = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    const header = await readHeader(iterator);
    yield { content: joined(header, iterator), flags: [], internalDate: arrivalDate(header) ?? mtimeMs };
  } finally {
    stream.destroy();
  }
}
