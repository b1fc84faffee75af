import { randomBytes } from "node:crypto";
import { encodeBase32 } from "../../foundation/base32.ts";
import { noticeHeader, PLAIN } from "../notices/notice.ts";
import { qrPicture } from "../qr-picture.ts";
import type { CommandAnswer, CommandRequest } from "./command-store.ts";
import { confirmationId } from "./understand.ts";

/** The letter that answers a command (RFC 3834 section 3); an invite's link comes as a picture too. */
export function formatAnswer(
  { subject, messageIds }: CommandRequest,
  answer: CommandAnswer,
  { to, now }: { readonly to: string; readonly now: number },
): Buffer {
  const { token, invite } = answer;
  const title = answer.subject ?? `Re: ${subject ?? "your letter to the bridge"}`;
  const ids = { answers: messageIds, ...(token !== undefined && { messageId: confirmationId(token) }) };
  const text = [`Content-Type: ${PLAIN}`, "Content-Transfer-Encoding: 8bit", "", ...answer.text.split("\n")];
  if (invite === undefined) {
    const [, ...rest] = text;
    return letter([...noticeHeader(to, title, now, PLAIN, ids), ...rest]);
  }
  const boundary = encodeBase32(randomBytes(15));
  const picture =
    qrPicture(invite.link, "L")
      .toString("base64")
      .match(/.{1,76}/g) ?? [];
  return letter([
    ...noticeHeader(to, title, now, `multipart/mixed; boundary="${boundary}"`, ids),
    "",
    `--${boundary}`,
    ...text,
    "",
    `--${boundary}`,
    "Content-Type: image/png",
    'Content-Disposition: inline; filename="invite.png"',
    "Content-Description: the invite as a QR code",
    "Content-Transfer-Encoding: base64",
    "",
    ...picture,
    `--${boundary}--`,
  ]);
}

function letter(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join("\r\n")}\r\n`);
}
