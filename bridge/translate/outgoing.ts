import { randomBytes } from "node:crypto";
import type { Content } from "../../foundation/content.ts";
import { Failure } from "../../foundation/failure.ts";
import { type HeaderField, headerFields } from "../../mime/header.ts";
import { parseMessageIds } from "../../mime/message-ids.ts";
import { splitMessage, splitWhole } from "../../mime/split-message.ts";
import { writeContainer } from "./container-writer.ts";
import { HEADER_MAX } from "./limits.ts";
import { MessageIds, newMessageId } from "./message-id.ts";
import { selfHeader, sentHeader } from "./stored-header.ts";
import { type WireHeaderContext, wireHeader } from "./wire-header.ts";

export interface OutgoingContext {
  /** The one address that contacts know the user by. */
  readonly ownAddress: string;
  /** The one address under which everybody knows a mailbox's owner; undefined for who is not known. */
  canonicalAddress(mailbox: string): string | undefined;
  /** 32 bytes; the same for all letters, so that threads hold. */
  readonly messageIdKey: Uint8Array;
  /** Which ids in In-Reply-To and References (without brackets) were made here; all, unless given. */
  readonly isOwnMessageId?: (id: string) => boolean;
  /**
   * The domain that ids carry in a letter that goes to old addresses alone, and where those of others stay as they are;
   * undefined for letters to contacts. Asked once, before anything is stored.
   */
  readonly idDomain?: (fields: readonly HeaderField[]) => string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** That many random bytes; the system's unless given. */
  readonly random?: (length: number) => Uint8Array;
}

export interface OutgoingLetter {
  /** As the mail program wrote them. */
  readonly fields: readonly HeaderField[];
  /** Header of the sender's own copy, as they wrote it, Bcc too; ends with the empty line. */
  readonly sentHeader: Buffer;
  /** Header of a copy that the sender gets as a letter; ends with the empty line. */
  readonly selfHeader: Buffer;
  /** What follows the header, octet for octet; to be consumed once where it streams by. */
  readonly body: Content;
  /** The overlay message over that body. */
  overlayMessage(body: Content): Content;
  /** As it goes out, with brackets. */
  readonly messageId: string;
  /** As the mail program wrote it, with brackets; undefined where it wrote none. */
  readonly originalMessageId: string | undefined;
}

/**
 * Makes an overlay message of what a mail program submits. Of what streams by, only the header is read when this resolves.
 * @throws Failure("invalid") for a header above 1 MB; what the content throws passes through
 */
export async function translateOutgoing(content: Content, context: OutgoingContext): Promise<OutgoingLetter> {
  const { ownAddress, messageIdKey, isOwnMessageId, now, random = randomBytes } = context;
  const { header, body } = Buffer.isBuffer(content) ? splitWhole(content) : await splitMessage(content);
  const fields = [...headerFields(header)];
  const idsIn = (key: string) => parseMessageIds(fields.find((field) => field.key === key)?.value ?? "");
  const ids = new MessageIds(messageIdKey, isOwnMessageId);
  const [original] = idsIn("message-id");
  const idDomain = context.idDomain?.(fields);
  const neutral = original === undefined ? newMessageId(random) : ids.own(original);
  const messageId = idDomain === undefined ? neutral : underDomain(neutral, idDomain);
  const outgoing = (key: string) => idsIn(key).map((id) => `<${idDomain === undefined ? ids.referenced(id) : id}>`);
  const headerContext: WireHeaderContext = {
    ownAddress,
    canonicalAddress: (mailbox) => context.canonicalAddress(mailbox),
    messageId,
    inReplyTo: outgoing("in-reply-to"),
    references: outgoing("references"),
    now,
  };
  const wire = wireHeader(fields, headerContext);
  if (wire.length > HEADER_MAX) throw new Failure("invalid", "the message's header is longer than 1 MB");
  return {
    fields,
    sentHeader: sentHeader(fields, headerContext),
    get selfHeader() {
      return selfHeader(fields, headerContext);
    },
    body,
    overlayMessage: (over) => writeContainer(wire, over),
    messageId: `<${messageId}>`,
    originalMessageId: original === undefined ? undefined : `<${original}>`,
  };
}

/** The same id under the domain of an old address, where no overlay is spoken of. */
export function underDomain(id: string, domain: string): string {
  return `${id.slice(0, id.lastIndexOf("@"))}@${domain}`;
}
