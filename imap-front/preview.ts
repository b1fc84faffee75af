import { charsetDecoder } from "../mime/charset.ts";
import { parameterText } from "../mime/parameters.ts";
import type { Part } from "../mime/part.ts";
import { decodeTransfer } from "../mime/transfer-decoding.ts";
import { htmlText } from "./html-text.ts";
import type { Mailbox } from "./store.ts";

/** What RFC 8970 section 3.3 advises, counted in characters of Unicode. */
const FIRST_CHARACTERS = /^.{0,200}/su;
/** Octets of a part that are looked at: HTML of newsletters begins with many that show nothing. */
const READ = 65_536;

/**
 * The first words of a message's text (RFC 8970), in UTF-8 with one octet per character; empty where there is no text
 * to be shown. @throws Failure damaged, nonexistent
 */
export async function previewOf(mailbox: Mailbox, uid: number): Promise<string> {
  const root = mailbox.structure(uid);
  const part = root && (findText(root, "plain") ?? findText(root, "html"));
  if (part === undefined || part.bodyStart === part.bodyEnd) return "";
  const end = Math.min(part.bodyEnd, part.bodyStart + READ);
  const decoder = charsetDecoder(parameterText(part.parameters, "charset"));
  let text = "";
  for await (const octets of decodeTransfer(part.encoding, mailbox.read(uid, part.bodyStart, end)))
    text += decoder.decode(octets, { stream: true });
  const words = (part.subtype === "html" ? htmlText(text) : withoutQuotes(text))
    // oxlint-disable-next-line no-control-regex
    .replace(/[\s\x00-\x1f\x7f-\x9f\ufffd]+/g, " ")
    .trim();
  return Buffer.from(FIRST_CHARACTERS.exec(words)?.[0] ?? "", "utf8").toString("latin1");
}

/** The first text part of that kind that is no attachment; none inside what is encrypted or another message. */
function findText(part: Part, subtype: string): Part | undefined {
  if (part.type === "multipart" && part.subtype === "encrypted") return undefined;
  for (const child of part.children ?? []) {
    const found = findText(child, subtype);
    if (found !== undefined) return found;
  }
  const isText = part.type === "text" && part.subtype === subtype && part.children === undefined;
  return isText && part.disposition?.kind.toLowerCase() !== "attachment" ? part : undefined;
}

/** Without the lines that quote another letter, unless there are no others. */
function withoutQuotes(text: string): string {
  const own = text
    .split("\n")
    .filter((line) => !line.startsWith(">"))
    .join("\n");
  return own.trim() === "" ? text : own;
}
