import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { maildirLetters, parseFlags } from "../flags.ts";
import { KEYWORDS_FILE, MAX_KEYWORD_LETTERS } from "../keywords-file.ts";
import type { MailWriter } from "./mail-writer.ts";
import { FILES_AT_ONCE, writeMessageFile } from "./message-file.ts";

/**
 * A Maildir: a file per message, named so that the order stays. The first 26 keywords become letters as Dovecot has
 * them, named in `dovecot-keywords`; more have no place in this format.
 */
export async function createMaildir(path: string): Promise<MailWriter> {
  for (const part of ["tmp", "new", "cur"]) await mkdir(join(path, part), { recursive: true, mode: 0o700 });
  const known: string[] = [];
  let count = 0;
  return {
    atOnce: FILES_AT_ONCE,
    async write(message) {
      const { bits, keywords } = parseFlags(message.flags);
      let letters = maildirLetters({ bits, keywords: keywords.join(" ") });
      for (const keyword of keywords) {
        if (keyword.toLowerCase() === "$forwarded") continue;
        let index = known.indexOf(keyword);
        if (index < 0 && known.length < MAX_KEYWORD_LETTERS) index = known.push(keyword) - 1;
        if (index >= 0) letters += String.fromCharCode(0x61 + index);
      }
      const name = `${String(++count).padStart(10, "0")}.postern:2,${letters}`;
      await writeMessageFile(join(path, "cur", name), message);
    },
    async close() {
      const lines = known.map((keyword, index) => `${index} ${keyword}\n`);
      if (lines.length > 0) await writeFile(join(path, KEYWORDS_FILE), lines.join(""), { mode: 0o600 });
    },
  };
}
