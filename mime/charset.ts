import { TextDecoder } from "node:util";

/** Names that mail uses and WHATWG does not know, and what decodes them. */
const ALIASES: Readonly<Record<string, string>> = {
  "ansi_x3.110-1983": "latin1",
  "cp-850": "latin1",
  cp932: "shift_jis",
  cp936: "gbk",
  cp949: "euc-kr",
  cp950: "big5",
  "iso-8859-8-e": "iso-8859-8",
  utf: "utf-8",
  utf8mb4: "utf-8",
};

const MAX_NAME = 64;

/**
 * A decoder that never throws on its input. Without a charset, or with us-ascii or one that nobody knows, the octets
 * are taken for UTF-8: what is ASCII reads the same, and what is not is UTF-8 more often than anything else.
 */
export function charsetDecoder(charset: string | undefined): TextDecoder {
  const name = (charset ?? "").slice(0, MAX_NAME).trim().toLowerCase();
  if (name === "" || name === "us-ascii" || name === "ascii") return new TextDecoder("utf-8");
  try {
    return new TextDecoder(ALIASES[name] ?? name);
  } catch {
    return new TextDecoder("utf-8");
  }
}

/** Whether octets, each a character, read the same in UTF-8: making a decoder costs far more than looking. */
export function isAscii(text: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(text);
}

/** Decodes a whole text; where no charset is given and the octets are not UTF-8, as windows-1252. */
export function decodeCharset(octets: Uint8Array, charset: string | undefined): string {
  if (charset !== undefined) return charsetDecoder(charset).decode(octets);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(octets);
  } catch {
    return new TextDecoder("windows-1252").decode(octets);
  }
}
