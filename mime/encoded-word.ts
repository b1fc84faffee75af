import { charsetDecoder, decodeCharset, isAscii } from "./charset.ts";

/** `=?charset*language?encoding?text?=` (RFC 2047 section 2, RFC 2231 section 5); blanks inside the text are tolerated for Q. */
const ENCODED_WORD = /=\?([^?*\s]{1,64})(?:\*[^?\s]*)?\?([QqBb])\?([^?\r\n]*)\?=/g;

/**
 * Decodes the encoded words in an unfolded value of latin1 octets; what stands between them is taken as UTF-8 or, where
 * it is not that, windows-1252. Never throws. Blanks between two encoded words vanish, and neighbours of one charset
 * are decoded together, since some programs split characters.
 */
export function decodeEncodedWords(value: string): string {
  if (!value.includes("=?")) return decodeRaw(value);
  let text = "";
  let last = 0;
  let pending: { charset: string; octets: Buffer[] } | undefined;
  const flush = () => {
    if (pending !== undefined) text += charsetDecoder(pending.charset).decode(Buffer.concat(pending.octets));
    pending = undefined;
  };
  for (const match of value.matchAll(ENCODED_WORD)) {
    const between = value.slice(last, match.index);
    last = match.index + match[0].length;
    const charset = (match[1] ?? "").toLowerCase();
    const octets = decodeWord(match[2] ?? "", match[3] ?? "");
    const adjacent = pending !== undefined && /^[ \t]*$/.test(between);
    if (adjacent && pending?.charset === charset) {
      pending.octets.push(octets);
      continue;
    }
    flush();
    if (!adjacent) text += decodeRaw(between);
    pending = { charset, octets: [octets] };
  }
  flush();
  return text + decodeRaw(value.slice(last));
}

function decodeRaw(text: string): string {
  if (isAscii(text)) return text;
  return decodeCharset(Buffer.from(text, "latin1"), undefined);
}

function decodeWord(encoding: string, text: string): Buffer {
  if (encoding === "B" || encoding === "b") return Buffer.from(text, "base64");
  const octets = text
    .replaceAll("_", " ")
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(octets, "latin1");
}
