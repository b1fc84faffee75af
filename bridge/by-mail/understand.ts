import type { AddressLabel } from "../../foundation/address.ts";
import { type MailCommand, nearestCommand, parseCommand } from "./command.ts";
import type { CommandLetter } from "./command-letter.ts";
import { findInvite } from "./found-invite.ts";
import { COMMAND_LINES } from "./limits.ts";

/** The local part of the Message-ID of a question, and what its subject ends with, hold the token that confirms it. */
const CONFIRMATION_ID = /^confirm-([a-z2-7]{16,32})@/;
const CONFIRMATION_SUBJECT = /\[([a-z2-7]{16,32})\]\s*$/;

export function confirmationId(token: string): string {
  return `<confirm-${token}@postern.alt>`;
}

/** Words that take a question back. */
const NO = /^(no|nein|non|stop|cancel|don't)\b/i;

/**
 * What a letter to the bridge asks for. A subject that answers or forwards is somebody else's words; then only what the
 * user wrote above the quotes counts, and an invite wherever it stands. One's own invites, in answers that are quoted, do not.
 */
export function understand(letter: CommandLetter, own: AddressLabel): MailCommand {
  const { subject, answers, forwards } = letter;
  // What HTML quotes, and how, each program does in its own way: only the first line is surely the user's.
  const lines = ownLines(letter.text).slice(0, letter.isHtml ? 1 : COMMAND_LINES);
  const token = answers && !forwards ? confirmationToken(letter) : undefined;
  if (token !== undefined && !lines.some((line) => NO.test(line))) return { kind: "confirm", token };

  const bySubject = answers || forwards ? undefined : parseCommand(subject);
  const byText = lines.map(parseCommand).find((command) => command !== undefined);
  const { found, broken } = findInvite(`${subject}\n${letter.everything}`, ({ says }) => says.inviter !== own);
  const said = bySubject ?? (subject === "" || answers || forwards || found !== undefined ? byText : undefined);
  if (found !== undefined && (said === undefined || said.kind === "accept" || said.kind === "invite")) {
    const name = said?.kind === "accept" ? (said.name ?? said.which) : undefined;
    return { kind: "accept-invite", link: found.link, ...(name !== undefined && { name }) };
  }
  if (said !== undefined) return said;
  // A link that was damaged on its way gets the reason for an answer.
  if (broken !== undefined) return { kind: "unknown", said: broken };
  if (byText !== undefined && nearestCommand(subject) === undefined) return byText;
  const words = answers || forwards ? (lines[0] ?? "") : subject || (lines[0] ?? "");
  const nearest = nearestCommand(words);
  return {
    kind: "unknown",
    said: words.slice(0, 78),
    ...(nearest !== undefined && { nearest }),
    ...(letter.hasPicture && { picture: true }),
  };
}

function confirmationToken({ inReplyTo = "", subject }: CommandLetter): string | undefined {
  return CONFIRMATION_ID.exec(inReplyTo)?.[1] ?? CONFIRMATION_SUBJECT.exec(subject)?.[1];
}

/** The first lines that are neither quoted nor a signature. */
function ownLines(text: string): string[] {
  const [body = ""] = text.split(/^-- ?\r?$/m);
  return body
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^[>|]/.test(line));
}
