import { randomBytes } from "node:crypto";
import { OVERLAY_DOMAIN } from "../foundation/address.ts";
import { encodeBase32 } from "../foundation/base32.ts";
import { formatDateTime } from "../mime/date.ts";
import { BRIDGE_ADDRESS } from "./account.ts";

export function newMessageId(): string {
  return `<${encodeBase32(randomBytes(20))}@${OVERLAY_DOMAIN}>`;
}

function noticeHeader(to: string, subject: string, now: number, contentType: string): string[] {
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

const PLAIN = "text/plain; charset=utf-8";

/** A letter from the bridge itself. The subject is ASCII; the text may be any. */
export function formatNotice(notice: { to: string; subject: string; text: string; now: number }): Buffer {
  const lines = [...noticeHeader(notice.to, notice.subject, notice.now, PLAIN), "Content-Transfer-Encoding: 8bit", ""];
  return Buffer.from(`${[...lines, ...notice.text.split("\n")].join("\r\n")}\r\n`);
}

export interface Undelivered {
  readonly to: string;
  readonly recipient: string;
  /** RFC 3463, for instance `5.7.1`. */
  readonly status: string;
  readonly explanation: string;
  readonly originalMessageId: string;
  readonly envid?: string;
  readonly sentAt: number;
  readonly now: number;
}

/** A delivery status notification (RFC 3464) for one recipient that a letter will never reach. */
export function formatFailedDelivery(failure: Undelivered): Buffer {
  const boundary = encodeBase32(randomBytes(15));
  const lines = [
    ...noticeHeader(
      failure.to,
      "Your letter was not delivered",
      failure.now,
      `multipart/report; report-type=delivery-status; boundary="${boundary}"`,
    ),
    `In-Reply-To: ${failure.originalMessageId}`,
    `References: ${failure.originalMessageId}`,
    "",
    `--${boundary}`,
    `Content-Type: ${PLAIN}`,
    "",
    `Your letter to ${failure.recipient} of ${formatDateTime(failure.sentAt)} was not delivered:`,
    failure.explanation,
    "",
    "The letter itself is in your folder Sent.",
    "",
    `--${boundary}`,
    "Content-Type: message/delivery-status",
    "",
    `Reporting-MTA: dns; ${OVERLAY_DOMAIN}`,
    ...(failure.envid === undefined ? [] : [`Original-Envelope-Id: ${failure.envid}`]),
    `Arrival-Date: ${formatDateTime(failure.sentAt)}`,
    "",
    `Final-Recipient: rfc822; ${failure.recipient}`,
    "Action: failed",
    `Status: ${failure.status}`,
    "",
    `--${boundary}`,
    "Content-Type: text/rfc822-headers",
    "",
    `Message-ID: ${failure.originalMessageId}`,
    "",
    `--${boundary}--`,
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n`);
}
