import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { flagsOfLetters, isKeyword } from "../flags.ts";
import { KEYWORDS_FILE, parseKeywordsFile } from "../keywords-file.ts";
import { FILES_AHEAD, SMALL_MESSAGE } from "../limits.ts";
import { splitDiskName } from "../mail-folders.ts";
import { only } from "../small-content.ts";
import type { ImportedMessage, MessageSource } from "./message-source.ts";

/** The messages of another program's Maildir, in the order of their names, with keywords where Dovecot named them. */
export async function openMaildirSource(path: string): Promise<MessageSource> {
  const files: Found[] = [];
  for (const directory of ["cur", "new"]) {
    const names = await readdir(join(path, directory)).catch(() => []);
    for (const name of names) if (!name.startsWith(".")) files.push({ path: join(path, directory, name), name });
  }
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  const keywords = parseKeywordsFile(await readFile(join(path, KEYWORDS_FILE), "utf8").catch(() => ""));
  return { total: files.length, messages: readFiles(files, keywords) };
}

interface Found {
  readonly path: string;
  readonly name: string;
}

interface ReadAhead extends Found {
  readonly changed: number;
  /** Its octets, if it is small. */
  readonly octets: Buffer | undefined;
}

/** Undefined where it is no file, or is gone. */
async function readAhead({ path, name }: Found): Promise<ReadAhead | undefined> {
  const status = await stat(path).catch(() => undefined);
  if (status?.isFile() !== true) return undefined;
  const octets = status.size <= SMALL_MESSAGE ? await readFile(path) : undefined;
  return { path, name, changed: status.mtimeMs, octets };
}

async function* readFiles(
  files: readonly Found[],
  keywords: ReadonlyMap<string, string>,
): AsyncGenerator<ImportedMessage> {
  const ahead: Promise<ReadAhead | undefined>[] = [];
  for (let next = 0; ; ) {
    while (ahead.length < FILES_AHEAD && next < files.length) {
      const reading = readAhead(files[next++] as Found);
      // A failure is reported when its turn comes.
      reading.catch(() => undefined);
      ahead.push(reading);
    }
    const first = ahead.shift();
    if (first === undefined) return;
    const read = await first;
    if (read === undefined) continue;
    const { path, name, changed: internalDate, octets } = read;
    const { letters } = splitDiskName(name);
    const named = [...keywords].filter(([letter, keyword]) => letters.includes(letter) && isKeyword(keyword));
    const flags = [...flagsOfLetters(letters), ...named.map(([, keyword]) => keyword)];
    if (octets !== undefined) yield { content: only(octets), flags, internalDate };
    else {
      const stream = createReadStream(path);
      try {
        yield { content: stream as AsyncIterable<Buffer>, flags, internalDate };
      } finally {
        stream.destroy();
      }
    }
  }
}
