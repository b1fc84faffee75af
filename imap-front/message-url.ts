import { parseSectionSpec } from "./fetch-items.ts";
import type { ImapLimits } from "./limits.ts";
import type { Section } from "./section.ts";
import { normaliseMailboxName } from "./wire/mailbox-name.ts";
import { Scanner, SyntaxFailure } from "./wire/scanner.ts";

/** A message, or a piece of one, that a URL names (RFC 5092 section 6). */
export interface MessageUrl {
  readonly mailbox: string;
  readonly uidValidity: number | undefined;
  readonly uid: number;
  readonly section: Section;
  /** Octets of the section; `length` is infinite where the URL names none. */
  readonly partial: { readonly start: number; readonly length: number } | undefined;
}

/** `enc-mailbox [";UIDVALIDITY=" nz-number] "/;UID=" nz-number ["/;SECTION=" enc-section] ["/;PARTIAL=" partial-range]` */
const MESSAGE_PART =
  /^((?:[\w.~!$'()*+,&=:@/-]|%[0-9a-f]{2})+)(?:;UIDVALIDITY=(\d{1,10}))?\/;UID=(\d{1,10})(?:\/;SECTION=((?:[\w.~!$'()*+,&=:@/-]|%[0-9a-f]{2})+))?(?:\/;PARTIAL=(\d{1,15})(?:\.(\d{1,15}))?)?$/i;

/**
 * Reads a URL relative to the session (RFC 4469 section 3): no scheme, no server. `selected` is the name of the mailbox
 * that is selected. Undefined for anything but a message of this server.
 */
export function parseMessageUrl(url: string, selected: string | undefined, limits: ImapLimits): MessageUrl | undefined {
  const path = absolutePath(url, selected);
  const [, mailbox, uidValidity, uid, section = "", start, length] = MESSAGE_PART.exec(path ?? "") ?? [];
  if (mailbox === undefined || Number(uid) === 0 || Number(uidValidity) === 0 || Number(length) === 0) return undefined;
  try {
    const spec = new Scanner(decodeURIComponent(section), [], limits.nesting);
    const parsed = parseSectionSpec(spec, limits).section;
    spec.end();
    return {
      mailbox: normaliseMailboxName(decodeURIComponent(mailbox)),
      uidValidity: uidValidity === undefined ? undefined : Number(uidValidity),
      uid: Number(uid),
      section: parsed,
      partial: start === undefined ? undefined : { start: Number(start), length: Number(length ?? Infinity) },
    };
  } catch (error) {
    // A percent sign before octets that are no UTF-8 is what makes decodeURIComponent throw.
    if (error instanceof SyntaxFailure || (error as Error).name === "URIError") return undefined;
    throw error;
  }
}

/**
 * The path without its first slash (RFC 3986 section 5.2, with `imap://user@server/mailbox` as its base). A reference
 * that begins with `;UID=` means a message of the selected mailbox.
 */
function absolutePath(url: string, selected: string | undefined): string | undefined {
  if (url.startsWith("//") || /^[^/]*:/.test(url)) return undefined;
  if (url.startsWith("/")) return url.slice(1);
  const base = selected === undefined ? "" : selected.split("/").map(encodeURIComponent).join("/");
  if (url.startsWith(";")) return `${base}/${url}`;
  const segments = base.split("/").slice(0, -1);
  const parts = url.split("/");
  for (; parts[0] === "." || parts[0] === ".."; parts.shift()) if (parts[0] === "..") segments.pop();
  return [...segments, ...parts].join("/");
}
