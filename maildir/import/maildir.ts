import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { flagsOfLetters, isKeyword } from "../flags.ts";
import { KEYWORDS_FILE, parseKeywordsFile } from "../keywords-file.ts";
import { splitDiskName } from "../mail-folders.ts";
import type { ImportedMessage, MessageSource } from "./message-source.ts";

/** The messages of another program's Maildir, in the order of their names, with keywords where Dovecot named them. */
export async function openMaildirSource(path: string): Promise<MessageSource> {
  const files: { path: string; name: string }[] = [];
  for (const directory of ["cur", "new"]) {
    const names = await readdir(join(path, directory)).catch(() => []);
    for (const name of names) if (!name.startsWith(".")) files.push({ path: join(path, directory, name), name });
  }
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  const keywords = parseKeywordsFile(await readFile(join(path, KEYWORDS_FILE), "utf8").catch(() => ""));
  return { total: files.length, messages: readFiles(files, keywords) };
}

async function* readFiles(
  files: readonly { path: string; name: string }[],
  keywords: ReadonlyMap<string, string>,
): AsyncGenerator<ImportedMessage> {
  for (const { path, name } of files) {
    const status = await stat(path).catch(() => undefined);
    if (status?.isFile() !== true) continue;
    const { letters } = splitDiskName(name);
    const named = [...keywords].filter(([letter, keyword]) => letters.includes(letter) && isKeyword(keyword));
    const flags = [...flagsOfLetters(letters), ...named.map(([, keyword]) => keyword)];
    const stream = createReadStream(path);
    try {
      yield { content: stream as AsyncIterable<Buffer>, flags, internalDate: status.mtimeMs };
    } finally {
      stream.destroy();
    }
  }
}
