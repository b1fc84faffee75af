import { randomBytes } from "node:crypto";
import { OVERLAY_DOMAIN } from "../../foundation/address.ts";
import { encodeBase32 } from "../../foundation/base32.ts";
import { formatDateTime } from "../../mime/date.ts";
import { BRIDGE_ADDRESS } from "../account.ts";

export function newMessageId(): string {
  return `<${encodeBase32(randomBytes(20))}@${OVERLAY_DOMAIN}>`;
}

export interface NoticeIds {
  readonly messageId?: string;
  /** Message-IDs of the letter that is answered, the one that its sender's copy has last. */
  readonly answers?: readonly string[];
}

/** The header of whatever the bridge itself writes (Auto-Submitted: RFC 3834 section 5). */
export function noticeHeader(
  to: string,
  subject: string,
  now: number,
  contentType: string,
  { messageId = newMessageId(), answers = [] }: NoticeIds = {},
): string[] {
  const answered = answers.at(-1);
  return [
    `From: Postern <${BRIDGE_ADDRESS}>`,
    `To: ${to}`,
    `Subject: ${subject}`,
    `Date: ${formatDateTime(now)}`,
    `Message-ID: ${messageId}`,
    ...(answered === undefined ? [] : [`In-Reply-To: ${answered}`, `References: ${answers.join("\r\n ")}`]),
    `Auto-Submitted: ${answered === undefined ? "auto-generated" : "auto-replied"}`,
    "MIME-Version: 1.0",
    `Content-Type: ${contentType}`,
  ];
}

export const PLAIN = "text/plain; charset=utf-8";

/** A letter from the bridge itself. The subject is ASCII; the text may be any. */
export function formatNotice(notice: { to: string; subject: string; text: string; now: number }): Buffer {
  const lines = [...noticeHeader(notice.to, notice.subject, notice.now, PLAIN), "Content-Transfer-Encoding: 8bit", ""];
  return Buffer.from(`${[...lines, ...notice.text.split("\n")].join("\r\n")}\r\n`);
}
