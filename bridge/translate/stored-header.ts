import { parseAddress } from "../../foundation/address.ts";
import { type MailboxAddress, mailboxesIn } from "../../mime/address-list.ts";
import { formatDateTime } from "../../mime/date.ts";
import { decodeEncodedWords } from "../../mime/encoded-word.ts";
import { foldedField, formatAddrSpec, formatMailbox, isPlainAddress, keepField } from "../../mime/field-text.ts";
import type { HeaderField } from "../../mime/header.ts";
import type { WireHeaderContext } from "./wire-header.ts";

const ADDRESS_FIELDS: ReadonlySet<string> = new Set(["to", "cc", "bcc"]);

/** The bridge alone may set these in what it stores. */
const BRIDGES_OWN: ReadonlySet<string> = new Set(["authentication-results", "x-postern-road"]);

const BLIND: ReadonlySet<string> = new Set(["bcc", "resent-bcc"]);

/**
 * The sender's own copy: every field as it was written, but with the ids that went out, and petnames as full addresses,
 * which still mean the same person after the contact gets another petname. What is missing of From, Date and
 * Message-ID is added. Ends with the empty line.
 */
export function sentHeader(fields: readonly HeaderField[], context: WireHeaderContext): Buffer {
  return storedHeader(fields, context);
}

/** The copy of somebody who wrote to themselves: it came in like a letter, so it has no Bcc. Ends with the empty line. */
export function selfHeader(fields: readonly HeaderField[], context: WireHeaderContext): Buffer {
  const open = fields.filter((field) => !BLIND.has(field.key));
  const result = `Authentication-Results: postern.alt;\r\n x-postern=pass header.from=${context.ownAddress} policy.contact=self\r\n`;
  return Buffer.concat([Buffer.from(result, "latin1"), storedHeader(open, context)]);
}

function storedHeader(fields: readonly HeaderField[], context: WireHeaderContext): Buffer {
  const { messageId, inReplyTo, references, ownAddress, now } = context;
  const lines: string[] = [];
  const seen = new Set<string>();
  for (const field of fields) {
    if (BRIDGES_OWN.has(field.key)) continue;
    const repeated = seen.has(field.key);
    seen.add(field.key);
    if (field.key === "message-id") lines.push(repeated ? "" : `${field.name}: <${messageId}>\r\n`);
    else if (field.key === "in-reply-to") lines.push(ids(field, repeated ? [] : inReplyTo));
    else if (field.key === "references") lines.push(ids(field, repeated ? [] : references));
    else if (ADDRESS_FIELDS.has(field.key)) lines.push(withFullAddresses(field, context));
    else lines.push(keepField(field));
  }
  const missing: string[] = [];
  if (!seen.has("from")) missing.push(`From: ${ownAddress}\r\n`);
  if (!seen.has("date")) missing.push(`Date: ${formatDateTime(now)}\r\n`);
  if (!seen.has("message-id")) missing.push(`Message-ID: <${messageId}>\r\n`);
  return Buffer.from(`${missing.join("")}${lines.join("")}\r\n`, "latin1");
}

function ids(field: HeaderField, values: readonly string[]): string {
  return values.length === 0 ? "" : foldedField(field.name, values, "");
}

/** Left as it is unless a petname is in it. A group's name goes then, since it was the address book's. */
function withFullAddresses(field: HeaderField, context: WireHeaderContext): string {
  const entries = mailboxesIn(field.value).map((entry) => ({ ...entry, full: fullAddress(entry, context) }));
  if (!entries.some(({ full }) => full !== undefined)) return keepField(field);
  const texts = entries.map(({ name, local, domain, full }) => {
    const shown = name === undefined ? undefined : decodeEncodedWords(name);
    return full === undefined
      ? formatMailbox(shown, formatAddrSpec(local, domain))
      : formatMailbox(shown ?? local, full);
  });
  return foldedField(field.name, texts, ",");
}

/** Of a petname; undefined for another address, and for a petname that nobody has. */
function fullAddress({ local, domain }: MailboxAddress, context: WireHeaderContext): string | undefined {
  if (!isPlainAddress(local, domain)) return undefined;
  const mailbox = `${local}@${domain}`;
  return parseAddress(mailbox)?.kind === "petname" ? context.canonicalAddress(mailbox) : undefined;
}
