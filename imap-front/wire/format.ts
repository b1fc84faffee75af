import { encodeMailboxName } from "./mailbox-name.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A quoted string where the octets allow it, otherwise a literal (RFC 9051 `string`). */
export function formatString(text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (text.length > 1000 || /[\x00\r\n\x80-\uffff]/.test(text)) return `{${text.length}}\r\n${text}`;
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** The same, for what may hold NULs too: those make it a literal8 (RFC 3516). */
export function formatString8(text: string): string {
  return text.includes("\0") ? `~{${text.length}}\r\n${text}` : formatString(text);
}

/**
 * A mailbox name as it goes over the wire, in modified UTF-7 or, where the client asked for it, UTF-8; quoted always, as
 * some programs cannot take an atom with a slash.
 */
export function formatMailbox(name: string, utf8 = false): string {
  const octets = utf8 ? Buffer.from(name, "utf8").toString("latin1") : encodeMailboxName(name);
  return `"${octets.replace(/["\\]/g, "\\$&")}"`;
}

const two = (value: number) => (value < 10 ? `0${value}` : String(value));

/** `"17-Jul-1996 02:44:25 +0000"` with its quotes (RFC 9051 `date-time`); times are told in UTC. */
export function formatDateTime(time: number): string {
  const date = new Date(time);
  const day = date.getUTCDate();
  return `"${day < 10 ? ` ${day}` : day}-${MONTHS[date.getUTCMonth()]}-${String(date.getUTCFullYear()).padStart(4, "0")} ${two(
    date.getUTCHours(),
  )}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000"`;
}

/** Text of one line for a human, after a status: no line ends, no octets above 127 (RFC 9051 `text`). */
export function formatText(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[^\x20-\x7e]+/g, " ").slice(0, 400) || "done";
}

/** Month of the year from 0, by its English name of three letters in any case; -1 if it is none. */
export function monthNumber(name: string): number {
  return MONTHS.indexOf(name.charAt(0).toUpperCase() + name.slice(1).toLowerCase());
}
