import { formatAddress, parseAddress } from "../../foundation/address.ts";
import { mailboxesIn } from "../../mime/address-list.ts";
import { formatDateTime, parseDateTime } from "../../mime/date.ts";
import { foldedField, isPlainAddress } from "../../mime/field-text.ts";
import type { HeaderField } from "../../mime/header.ts";
import { BODY_FIELDS, OWN_WORDS, ownField } from "../../mime/own-words.ts";
import { OWN_LOCAL_PART } from "../account.ts";

/**
 * Fields of the sender's own words, or without which the body cannot be read. Everything else stays at home: what is
 * not here names the program, its host or its settings, or somebody's addresses.
 */
const KEPT: readonly string[] = [
  ...OWN_WORDS,
  ...BODY_FIELDS,
  "content-location",
  "content-base",
  "content-duration",
  "content-features",
  "content-class",
];

export interface WireHeaderContext {
  readonly ownAddress: string;
  canonicalAddress(mailbox: string): string | undefined;
  readonly messageId: string;
  /** With brackets, as they go out. */
  readonly inReplyTo: readonly string[];
  readonly references: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * The header that travels: in one order for all programs, with canonical addresses and no display names (a petname is
 * the user's own business, and so is what an address book calls somebody), the date in UTC, no Bcc.
 */
export function wireHeader(fields: readonly HeaderField[], context: WireHeaderContext): Buffer {
  const { ownAddress, messageId, inReplyTo, references, now } = context;
  const firsts = new Map<string, HeaderField>();
  for (const field of fields) if (!firsts.has(field.key)) firsts.set(field.key, field);
  const first = (key: string) => firsts.get(key);
  const date = parseDateTime(first("date")?.value ?? "")?.time ?? now;
  const to = canonicalAddresses(fields, "to", context);
  const cc = canonicalAddresses(fields, "cc", context).filter((address) => !to.includes(address));
  const lines = [
    `From: ${ownAddress}\r\n`,
    to.length > 0 ? foldedField("To", to, ",") : "To: undisclosed-recipients:;\r\n",
  ];
  if (cc.length > 0) lines.push(foldedField("Cc", cc, ","));
  lines.push(`Date: ${formatDateTime(date)}\r\n`, `Message-ID: <${messageId}>\r\n`);
  if (inReplyTo.length > 0) lines.push(foldedField("In-Reply-To", inReplyTo, ""));
  if (references.length > 0) lines.push(foldedField("References", references, ""));
  // Whoever is asked for a receipt answers the sender, however the program wrote the sender's address.
  if (first("disposition-notification-to") !== undefined) lines.push(`Disposition-Notification-To: ${ownAddress}\r\n`);
  for (const key of KEPT) {
    const field = first(key);
    if (field !== undefined) lines.push(ownField(field));
  }
  return Buffer.from(lines.join(""), "latin1");
}

/** Overlay addresses alone, each once: old e-mail addresses are nobody's business here. */
function canonicalAddresses(
  fields: readonly HeaderField[],
  key: string,
  context: WireHeaderContext,
): readonly string[] {
  const addresses = new Set<string>();
  for (const field of fields) {
    if (field.key !== key) continue;
    for (const { local, domain } of mailboxesIn(field.value)) {
      if (!isPlainAddress(local, domain)) continue;
      const mailbox = `${local}@${domain}`;
      const address = context.canonicalAddress(mailbox) ?? neutralAddress(mailbox);
      if (address !== undefined) addresses.add(address);
    }
  }
  return [...addresses];
}

/** The address without what somebody put in front of the label; undefined where it is not an identity's. */
export function neutralAddress(mailbox: string): string | undefined {
  const parsed = parseAddress(mailbox);
  return parsed?.kind === "identity" ? formatAddress(OWN_LOCAL_PART, parsed.label) : undefined;
}
