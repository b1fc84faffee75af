import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { MailWriter } from "./mail-writer.ts";
import { FILES_AT_ONCE, writeMessageFile } from "./message-file.ts";

/** A folder of .eml files, numbered; this format has no place for flags. */
export async function createEmlFolder(path: string): Promise<MailWriter> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  let count = 0;
  return {
    atOnce: FILES_AT_ONCE,
    write: (message) => writeMessageFile(join(path, `${String(++count).padStart(7, "0")}.eml`), message),
    close: async () => undefined,
  };
}
