import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { flagsOfLetters } from "../flags.ts";
import { splitDiskName } from "../mail-folders.ts";
import type { ImportedMessage, MessageSource } from "./message-source.ts";

/** The messages of another program's Maildir, in the order of their names; what is in `new` has no flags. */
export async function openMaildirSource(path: string): Promise<MessageSource> {
  const files: { path: string; name: string }[] = [];
  for (const directory of ["cur", "new"]) {
    const names = await readdir(join(path, directory)).catch(() => []);
    for (const name of names) if (!name.startsWith(".")) files.push({ path: join(path, directory, name), name });
  }
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { total: files.length, messages: readFiles(files) };
}

async function* readFiles(files: readonly { path: string; name: string }[]): AsyncGenerator<ImportedMessage> {
  for (const { path, name } of files) {
    const status = await stat(path).catch(() => undefined);
    if (status?.isFile() !== true) continue;
    const flags = flagsOfLetters(splitDiskName(name).letters);
    const stream = createReadStream(path);
    try {
      yield { content: stream as AsyncIterable<Buffer>, flags, internalDate: status.mtimeMs };
    } finally {
      stream.destroy();
    }
  }
}
