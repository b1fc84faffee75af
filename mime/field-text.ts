import type { HeaderField } from "./header.ts";

/** Recommended and longest length of an encoded word (RFC 2047 section 2), in characters of text that surely fit. */
const ENCODED_TEXT = 10;

/**
 * A field with its name and its folding as written, with CRLF and without what could be taken for a line end or an
 * empty line by somebody who reads differently: NUL and other controls, bare CR, lines of blanks.
 */
export function cleanField(name: string, raw: string): string {
  const lines = raw
    .split(/\r?\n/)
    // oxlint-disable-next-line no-control-regex
    .map((line) => line.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, " "));
  const [first = "", ...more] = lines;
  const rest = more.filter((line) => line.trim() !== "").map((line) => (/^[ \t]/.test(line) ? line : ` ${line}`));
  return `${name}:${[first.trimEnd() === "" ? " " : first, ...rest].join("\r\n")}\r\n`;
}

/** The field as it is but for what cleanField mends. */
export function keepField({ name, raw }: HeaderField): string {
  return cleanField(name, raw);
}

/** A field with each of the values on a line of its own. */
export function foldedField(name: string, values: readonly string[], separator: string): string {
  return `${name}: ${values.join(`${separator}\r\n `)}\r\n`;
}

/** An atom text of RFC 5322 section 3.2.3 with dots; what else an address may hold is not taken over from others. */
const DOT_ATOM = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;

/** `local@domain`, quoted where it must be. */
export function formatAddrSpec(local: string, domain: string): string {
  return `${DOT_ATOM.test(local) ? local : `"${local.replace(/[\\"]/g, "\\$&")}"`}@${domain}`;
}

/** Whether `local@domain` can stand in a header without quoting, and is not unreasonably long. */
export function isPlainAddress(local: string, domain: string): boolean {
  return (
    local.length + domain.length < 254 && DOT_ATOM.test(local) && /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/.test(domain)
  );
}

/** `"name" <address>`; a name that is not ASCII becomes encoded words. */
export function formatMailbox(name: string | undefined, address: string): string {
  return name === undefined || name === "" ? address : `${formatPhrase(name)} <${address}>`;
}

function formatPhrase(name: string): string {
  if (/^[ -~]*$/.test(name)) return `"${name.replace(/[\\"]/g, "\\$&")}"`;
  const words: string[] = [];
  const characters = Array.from(name);
  for (let at = 0; at < characters.length; at += ENCODED_TEXT) {
    const text = characters.slice(at, at + ENCODED_TEXT).join("");
    words.push(`=?utf-8?B?${Buffer.from(text, "utf8").toString("base64")}?=`);
  }
  return words.join(" ");
}
