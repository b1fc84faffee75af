import { OVERLAY_DOMAIN, parseAddress } from "../../foundation/address.ts";
import { mailboxesIn } from "../../mime/address-list.ts";
import { formatDateTime, parseDateTime } from "../../mime/date.ts";
import { decodeEncodedWords } from "../../mime/encoded-word.ts";
import { foldedField, formatAddrSpec, formatMailbox, keepField } from "../../mime/field-text.ts";
import type { HeaderField } from "../../mime/header.ts";
import { parseMessageIds } from "../../mime/message-ids.ts";
import { BODY_FIELDS, OWN_WORDS, ownField } from "../../mime/own-words.ts";

/**
 * Fields of the sender's own words, or without which the letter cannot be read or answered. Everything else stays at
 * home: Received and User-Agent, host names, settings of the program, Bcc.
 */
const KEPT: readonly string[] = [...OWN_WORDS, "autocrypt", ...BODY_FIELDS];

export interface OutgoingHeaderContext {
  /** The account's address. */
  readonly from: string;
  /** Without brackets. */
  readonly messageId: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The header that leaves to a provider; the date in UTC, no overlay address anywhere. Ends with the empty line. */
export function outgoingHeader(fields: readonly HeaderField[], context: OutgoingHeaderContext): Buffer {
  const { from, messageId, now } = context;
  const first = (key: string) => fields.find((field) => field.key === key);
  const recipients = ["to", "cc"].flatMap((key) => fields.filter((field) => field.key === key).map(openRecipients));
  const date = parseDateTime(first("date")?.value ?? "")?.time ?? now;
  const lines = [`From: ${sender(first("from"), from)}\r\n`];
  const replyTo = first("reply-to");
  if (replyTo !== undefined && !namesOverlay(decodeEncodedWords(replyTo.value))) lines.push(keepField(replyTo));
  const shown = recipients.filter((field) => field !== undefined);
  lines.push(...(shown.length > 0 ? shown : ["To: undisclosed-recipients:;\r\n"]));
  lines.push(`Date: ${formatDateTime(date)}\r\n`, `Message-ID: <${messageId}>\r\n`);
  for (const name of ["In-Reply-To", "References"]) {
    const ids = parseMessageIds(first(name.toLowerCase())?.value ?? "").filter((id) => !isOverlayId(id));
    if (ids.length > 0)
      lines.push(
        foldedField(
          name,
          ids.map((id) => `<${id}>`),
          "",
        ),
      );
  }
  if (first("disposition-notification-to") !== undefined) lines.push(`Disposition-Notification-To: ${from}\r\n`);
  for (const key of KEPT) {
    const field = first(key);
    if (field !== undefined) lines.push(ownField(field));
  }
  return Buffer.from(`${lines.join("")}\r\n`, "latin1");
}

/** The name that the user goes by, with the account's address. */
function sender(field: HeaderField | undefined, from: string): string {
  const [written] = mailboxesIn(field?.value ?? "");
  return formatMailbox(openName(written?.name), from);
}

/** As it was written, unless overlay addresses are in it: old contacts never see those. */
function openRecipients(field: HeaderField): string | undefined {
  const all = mailboxesIn(field.value);
  const open = all.filter(({ local, domain }) => parseAddress(`${local}@${domain}`)?.kind === "legacy");
  if (open.length === 0) return undefined;
  if (open.length === all.length && !namesOverlay(decodeEncodedWords(field.value))) return keepField(field);
  const texts = open.map(({ name, local, domain }) => formatMailbox(openName(name), formatAddrSpec(local, domain)));
  return foldedField(field.name, texts, ",");
}

/** Some programs write an address into the name, too. */
function openName(name: string | undefined): string | undefined {
  const decoded = name === undefined ? "" : decodeEncodedWords(name);
  return decoded === "" || namesOverlay(decoded) ? undefined : decoded;
}

function namesOverlay(value: string): boolean {
  return value.toLowerCase().includes(OVERLAY_DOMAIN);
}

function isOverlayId(id: string): boolean {
  return id.toLowerCase().endsWith(OVERLAY_DOMAIN);
}
