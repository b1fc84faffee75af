import { parseAddress } from "../../foundation/address.ts";
import { mailboxesIn } from "../../mime/address-list.ts";
import { parseDateTime } from "../../mime/date.ts";
import { cleanField, foldedField, formatMailbox, isPlainAddress, keepField } from "../../mime/field-text.ts";
import { type HeaderField, headerFields } from "../../mime/header.ts";
import { parseMessageIds } from "../../mime/message-ids.ts";
import { OWN_WORDS } from "../../mime/own-words.ts";
import { FIELD_NAME_MAX, FIELDS_MAX } from "./limits.ts";
import { neutralAddress } from "./wire-header.ts";

export interface IncomingContext {
  /** Whom the ratchet proves to have sent it, and what the user calls them. */
  readonly from: { readonly address: string; readonly petname: string };
  readonly ownAddress: string;
  /** How far the user knows the sender: `verified`, `invited`, `introduced`. */
  readonly state: string;
  /** What the user calls the owner of an address; undefined for who is not known here. */
  petname(mailbox: string): string | undefined;
}

/** Fields that claim nothing about who sent the letter; each is taken once, the first one. */
const HARMLESS: ReadonlySet<string> = new Set([...OWN_WORDS, "mime-version"]);

/** Not worth keeping under any name. */
const DROPPED: ReadonlySet<string> = new Set(["bcc", "resent-bcc", "return-path", "delivered-to"]);

/**
 * The header that the mail program shows. From is the contact that the ratchet proves; recipients are shown as this
 * user knows them, without the sender's names for them; every other field that is not known to be harmless is kept as
 * `X-Claimed-...`, where no program acts on it. Ends with the empty line.
 */
export function shownHeader(received: Uint8Array, context: IncomingContext): Buffer {
  const { from, state } = context;
  const sender = formatMailbox(from.petname, from.address);
  const lines = [
    `Authentication-Results: postern.alt;\r\n x-postern=pass header.from=${from.address} policy.contact=${state}\r\n`,
    `From: ${sender}\r\n`,
  ];
  const seen = new Set<string>();
  let count = 0;
  for (const field of headerFields(received)) {
    if (++count > FIELDS_MAX) break;
    if (DROPPED.has(field.key)) continue;
    const repeated = seen.has(field.key);
    seen.add(field.key);
    if (!repeated) lines.push(shownField(field, context) ?? claimed(field, context));
    else if (!SINGLE.has(field.key) && !isHarmless(field.key)) lines.push(claimed(field, context));
  }
  return Buffer.from(`${lines.join("")}\r\n`, "latin1");
}

/** Of these a second one is a trick, and vanishes. */
const SINGLE: ReadonlySet<string> = new Set([
  "from",
  "to",
  "cc",
  "date",
  "message-id",
  "in-reply-to",
  "references",
  "disposition-notification-to",
]);

function isHarmless(key: string): boolean {
  return HARMLESS.has(key) || key.startsWith("content-");
}

/** The field as it is shown; undefined for one that is no more than a claim. */
function shownField(field: HeaderField, context: IncomingContext): string | undefined {
  switch (field.key) {
    case "from":
    case "sender":
    case "reply-to":
      return namesSender(field, context) ? "" : undefined;
    case "to":
      return recipients("To", field, context) ?? "To: undisclosed-recipients:;\r\n";
    case "cc":
      return recipients("Cc", field, context) ?? "";
    case "date":
      return parseDateTime(field.value) === undefined ? undefined : cleanField("Date", field.raw);
    case "message-id":
      return ids("Message-ID", parseMessageIds(field.value).slice(0, 1));
    case "in-reply-to":
      return ids("In-Reply-To", parseMessageIds(field.value));
    case "references":
      return ids("References", parseMessageIds(field.value));
    case "disposition-notification-to":
      return `Disposition-Notification-To: ${context.from.address}\r\n`;
    default:
      return isHarmless(field.key) ? keepField(field) : undefined;
  }
}

function claimed(field: HeaderField, { from }: IncomingContext): string {
  if (field.key === "from" && field.value === from.address) return "";
  return cleanField(`X-Claimed-${field.name.slice(0, FIELD_NAME_MAX)}`, field.raw);
}

/** Says what is shown anyway: nobody but the proven sender, and no other name for them. */
function namesSender(field: HeaderField, { from }: IncomingContext): boolean {
  const [only, ...more] = mailboxesIn(field.value);
  if (only === undefined || more.length > 0 || only.name !== undefined) return false;
  return neutralAddress(`${only.local}@${only.domain}`) === neutralAddress(from.address);
}

/**
 * Each once. Petnames are this user's words and mean nothing in a letter from outside, so an address of that kind is
 * left out; so is what could not be written without quoting.
 */
function recipients(name: string, field: HeaderField, context: IncomingContext): string | undefined {
  const shown = new Set<string>();
  const own = neutralAddress(context.ownAddress);
  for (const { local, domain } of mailboxesIn(field.value)) {
    if (!isPlainAddress(local, domain)) continue;
    const mailbox = `${local}@${domain}`;
    const kind = parseAddress(mailbox)?.kind;
    const address = kind === "identity" ? neutralAddress(mailbox) : kind === "legacy" ? mailbox : undefined;
    if (address === undefined) continue;
    shown.add(address === own ? context.ownAddress : formatMailbox(context.petname(address), address));
  }
  return shown.size === 0 ? undefined : foldedField(name, [...shown], ",");
}

function ids(name: string, values: readonly string[]): string {
  return values.length === 0
    ? ""
    : foldedField(
        name,
        values.map((id) => `<${id}>`),
        "",
      );
}
