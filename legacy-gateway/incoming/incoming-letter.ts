import { OVERLAY_DOMAIN } from "../../foundation/address.ts";
import { parseAddressList } from "../../mime/address-list.ts";
import { cleanField } from "../../mime/field-text.ts";
import { type HeaderField, headerFields } from "../../mime/header.ts";
import { type SplitMessage, splitMessage } from "../../mime/split-message.ts";
import type { IncomingReader, ReadLetter } from "../ports.ts";
import { isInvitation } from "../upgrade/invitation-field.ts";

/** What every letter of the old road carries. */
export const LEGACY_KEYWORD = "$Legacy";

/** Of these a letter of the old road may not say that it is from an overlay address: nothing has proved it. */
const SENDERS: ReadonlySet<string> = new Set(["from", "sender", "reply-to", "resent-from", "resent-sender"]);

/** Stands where the letter claims an overlay address; RFC 2606 keeps `.invalid` free. */
const UNPROVEN = '"not proven" <unproven@sender.invalid>';

/**
 * The letter as it came, octet for octet, behind a field of the bridge's own that says by which road. What only the
 * bridge may say is taken away from others: results under its name (RFC 8601 section 5), and overlay addresses as senders.
 * So is an invitation: forwarded with the letter, it would let in somebody else.
 */
export const readLegacyLetter: IncomingReader = async ({ account, content }) =>
  readSplitLetter(account, await splitMessage(content));

/** The same of a letter whose header was read already. */
export function readSplitLetter(account: string, { header, separator, body }: SplitMessage): ReadLetter {
  const result =
    `Authentication-Results: ${OVERLAY_DOMAIN};\r\n x-postern=none (it came by e-mail) policy.road=legacy` +
    ` policy.account=${account}\r\n`;
  return {
    keywords: [LEGACY_KEYWORD],
    content: concat(Buffer.concat([Buffer.from(result, "latin1"), scrubbed(header), separator]), body),
  };
}

/** The header itself unless it has a field that nobody but the bridge may write. */
function scrubbed(header: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const field of headerFields(header)) {
    const instead = replacement(field);
    if (instead === undefined) continue;
    pieces.push(header.subarray(from, field.start), Buffer.from(instead, "latin1"));
    from = field.end;
  }
  return from === 0 ? header : Buffer.concat([...pieces, header.subarray(from)]);
}

function replacement(field: HeaderField): string | undefined {
  if (isInvitation(field)) return "";
  if (field.key === "authentication-results") {
    const server = /^\s*(?:\([^()]*\)\s*)*"?([^\s;"()]+)/.exec(field.value)?.[1] ?? "";
    return isOverlayDomain(server) ? cleanField(`X-Claimed-${field.name.slice(0, 64)}`, field.raw) : undefined;
  }
  if (!SENDERS.has(field.key) || !claimsOverlay(field.value)) return undefined;
  return `${cleanField(`X-Claimed-${field.name.slice(0, 64)}`, field.raw)}${field.name.slice(0, 64)}: ${UNPROVEN}\r\n`;
}

function claimsOverlay(value: string): boolean {
  // Whatever a mail program may read out of it: the domain anywhere is reason enough where the list cannot be read.
  if (!value.toLowerCase().includes(OVERLAY_DOMAIN)) return false;
  const addresses = parseAddressList(value).flatMap((entry) => (entry.kind === "group" ? entry.members : [entry]));
  return (
    addresses.length === 0 ||
    addresses.some(({ domain }) => isOverlayDomain(domain)) ||
    /<[^>]*postern\.alt/i.test(value)
  );
}

function isOverlayDomain(domain: string): boolean {
  const lower = domain.toLowerCase().replace(/\.$/, "");
  return lower === OVERLAY_DOMAIN || lower.endsWith(`.${OVERLAY_DOMAIN}`);
}

async function* concat(head: Uint8Array, tail: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  yield* tail;
}
