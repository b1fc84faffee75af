import { type Address, type MailboxAddress, parseAddressList } from "./address-list.ts";
import { type HeaderField, headerFields } from "./header.ts";
import { formatNString, formatString } from "./wire-string.ts";

/**
 * ENVELOPE of RFC 9051 section 7.5.2 in wire form, one octet per character:
 * `(date subject from sender reply-to to cc bcc in-reply-to message-id)`. A field that is absent is NIL; sender and
 * reply-to fall back to from. To, Cc and Bcc that are there several times are taken together.
 */
export function formatEnvelope(header: Uint8Array): string {
  return envelopeOf(headerFields(header));
}

/** The same of a header's fields. */
export function envelopeOf(header: Iterable<HeaderField>): string {
  const fields = new Map<string, string>();
  for (const field of header) {
    const { key } = field;
    if (!ENVELOPE_FIELDS.has(key)) continue;
    const before = fields.get(key);
    if (before === undefined) fields.set(key, field.value);
    else if (RECIPIENT_FIELDS.has(key)) fields.set(key, `${before},${field.value}`);
  }
  const from = formatAddresses(fields.get("from"));
  const or = (key: string) => {
    const own = formatAddresses(fields.get(key));
    return own === "NIL" ? from : own;
  };
  return `(${[
    formatNString(fields.get("date")),
    formatNString(fields.get("subject")),
    from,
    or("sender"),
    or("reply-to"),
    formatAddresses(fields.get("to")),
    formatAddresses(fields.get("cc")),
    formatAddresses(fields.get("bcc")),
    formatNString(fields.get("in-reply-to")),
    formatNString(fields.get("message-id")),
  ].join(" ")})`;
}

const RECIPIENT_FIELDS: ReadonlySet<string> = new Set(["to", "cc", "bcc"]);
const ENVELOPE_FIELDS: ReadonlySet<string> = new Set([
  ...RECIPIENT_FIELDS,
  "date",
  "subject",
  "from",
  "sender",
  "reply-to",
  "in-reply-to",
  "message-id",
]);

function formatAddresses(value: string | undefined): string {
  if (value === undefined) return "NIL";
  const formatted = parseAddressList(value).map(formatAddress);
  return formatted.length === 0 ? "NIL" : `(${formatted.join("")})`;
}

/** `(name adl mailbox host)`; a group is begun by one without host and ended by one without anything. */
function formatAddress(address: Address): string {
  if (address.kind === "mailbox") return formatMailbox(address);
  return `(NIL NIL ${formatString(address.name)} NIL)${address.members.map(formatMailbox).join("")}(NIL NIL NIL NIL)`;
}

/** An address without `@` has an empty host, since NIL would begin a group. */
function formatMailbox({ name, route, local, domain }: MailboxAddress): string {
  return `(${formatNString(name)} ${formatNString(route)} ${formatString(local)} ${formatString(domain)})`;
}
