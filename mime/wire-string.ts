/** Longer texts travel as literals, so that no client meets a line that it cannot hold. */
const MAX_QUOTED = 1_000;

/** What is quoted as it is: ASCII without NUL, line ends, quotes and backslashes; most texts. */
// oxlint-disable-next-line no-control-regex
const PLAIN = /^[\x01-\x09\x0b\x0c\x0e-!#-[\]-\x7f]*$/;

/**
 * A `string` of RFC 9051 section 4.3 from latin1 octets: quoted where it is short ASCII, else a literal. NUL, which
 * neither may hold, is left out; bare line ends become blanks.
 */
export function formatString(text: string): string {
  if (text.length <= MAX_QUOTED && PLAIN.test(text)) return `"${text}"`;
  // oxlint-disable-next-line no-control-regex
  const clean = text.replace(/\0/g, "").replace(/[\r\n]+/g, " ");
  // oxlint-disable-next-line no-control-regex
  if (clean.length <= MAX_QUOTED && /^[\x01-\x7f]*$/.test(clean)) return `"${clean.replace(/[\\"]/g, "\\$&")}"`;
  return `{${clean.length}}\r\n${clean}`;
}

/** `nstring`: NIL where the text is absent. */
export function formatNString(text: string | undefined): string {
  return text === undefined ? "NIL" : formatString(text);
}
