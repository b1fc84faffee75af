import { open } from "node:fs/promises";
import { MAX_MBOX_LINE } from "../limits.ts";
import { bufferedFile } from "./buffered-file.ts";
import type { ExportedMessage, MailWriter } from "./mail-writer.ts";

const LF = 10;

/**
 * An mbox file (mboxrd, RFC 4155): flags go into Status, X-Status and X-Keywords before the message's own fields, where
 * an import takes them off again. A message that does not end with a line end gets one.
 * @throws an error of code EEXIST where there is such a file
 */
export async function createMbox(path: string): Promise<MailWriter> {
  const handle = await open(path, "wx", 0o600);
  const file = bufferedFile(handle);
  return {
    atOnce: 1,
    async write(message) {
      const begin = file.position();
      try {
        await file.write(Buffer.from(opening(message), "utf8"));
        let last = LF;
        for await (const piece of quotedFrom(message.content)) {
          last = piece[piece.length - 1] ?? last;
          await file.write(piece);
        }
        await file.write(Buffer.from(last === LF ? "\n" : "\n\n"));
      } catch (error) {
        await file.cutTo(begin);
        throw error;
      }
    },
    async close() {
      try {
        await file.flush();
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
  };
}

/** The `From ` line and the flags. */
function opening({ flags, internalDate }: ExportedMessage): string {
  const has = (flag: string, letter: string): string => (flags.includes(flag) ? letter : "");
  const date = new Date(internalDate).toUTCString();
  const [, day = "", month = "", year = "", time = ""] =
    /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(date) ?? ([] as string[]);
  const state = `${has("\\Answered", "A")}${has("\\Flagged", "F")}${has("\\Deleted", "D")}${has("\\Draft", "T")}`;
  const keywords = flags.filter((flag) => !flag.startsWith("\\")).join(" ");
  const asctime = `${date.slice(0, 3)} ${month} ${day.replace(/^0/, " ")} ${time} ${year}`;
  const fields = `Status: ${has("\\Seen", "R")}O\r\nX-Status: ${state}\r\nX-Keywords: ${keywords}\r\n`;
  return `From postern@postern.alt ${asctime}\n${fields}`;
}

/** Puts a `>` before each line that begins with `From ` or with that and `>` before it. */
export async function* quotedFrom(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let atLineStart = true;
  for await (const piece of content) {
    const octets = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece]);
    const end = octets.length > MAX_MBOX_LINE ? octets.length : octets.lastIndexOf(LF) + 1;
    rest = octets.subarray(end);
    if (end === 0) continue;
    yield quoted(octets.subarray(0, end), atLineStart);
    atLineStart = octets[end - 1] === LF;
  }
  if (rest.length > 0) yield quoted(rest, atLineStart);
}

function quoted(octets: Buffer, atLineStart: boolean): Buffer {
  if (!octets.includes("From ")) return octets;
  const text = `${atLineStart ? "\n" : " "}${octets.toString("latin1")}`;
  return Buffer.from(text.replace(/\n(?=>*From )/g, "\n>").slice(1), "latin1");
}
