import { randomBytes } from "node:crypto";
import { OVERLAY_DOMAIN } from "../foundation/address.ts";
import { encodeBase32 } from "../foundation/base32.ts";
import { formatDateTime } from "../mime/date.ts";
import { BRIDGE_ADDRESS } from "./account.ts";

export function newMessageId(): string {
  return `<${encodeBase32(randomBytes(20))}@${OVERLAY_DOMAIN}>`;
}

/** The header of whatever the bridge itself writes. */
export function noticeHeader(to: string, subject: string, now: number, contentType: string): string[] {
  return [
    `From: Postern <${BRIDGE_ADDRESS}>`,
    `To: ${to}`,
    `Subject: ${subject}`,
    `Date: ${formatDateTime(now)}`,
    `Message-ID: ${newMessageId()}`,
    "Auto-Submitted: auto-generated",
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
