import type { ImapLimits } from "./limits.ts";
import { CommandFailure } from "./reply.ts";
import type { Mailbox, MailStore } from "./store.ts";

/** The mailbox of that name. `code` says what the client should do where there is none: TRYCREATE, or know that it is NONEXISTENT. */
export function existingMailbox(
  store: MailStore,
  name: string,
  code: "NONEXISTENT" | "TRYCREATE" = "NONEXISTENT",
): Mailbox {
  const mailbox = store.mailbox(name);
  if (mailbox === undefined) throw new CommandFailure("NO", code, "no such mailbox");
  return mailbox;
}

/** A name for a new mailbox, without the separator at its end that RFC 9051 section 6.3.4 allows. @throws CommandFailure CANNOT */
export function newMailboxName(name: string, limits: ImapLimits): string {
  const trimmed = name.endsWith("/") ? name.slice(0, -1) : name;
  // oxlint-disable-next-line no-control-regex
  const wrong = trimmed.split("/").includes("") || /[\x00-\x1f\x7f]/.test(trimmed) || /[*%]/.test(trimmed);
  if (wrong) throw new CommandFailure("NO", "CANNOT", "no mailbox can have that name");
  if (Buffer.byteLength(trimmed) > limits.mailboxNameOctets)
    throw new CommandFailure("NO", "LIMIT", "the name is too long");
  return trimmed;
}
