import { randomBytes } from "node:crypto";
import { OVERLAY_DOMAIN } from "../foundation/address.ts";
import { encodeBase32 } from "../foundation/base32.ts";
import { formatDateTime } from "../mime/date.ts";
import { noticeHeader, PLAIN } from "./notice.ts";

/** RFC 3464 section 2.3.3. */
export type DeliveryAction = "failed" | "delayed" | "relayed" | "delivered";

export interface DeliveryReport {
  readonly action: DeliveryAction;
  readonly to: string;
  /** As it stood in RCPT. */
  readonly recipient: string;
  /** RFC 3461's ORCPT, decoded, with its address type. */
  readonly originalRecipient?: string;
  /** RFC 3463, for instance `5.7.1`. */
  readonly status: string;
  readonly explanation: string;
  readonly originalMessageId: string;
  /** RFC 3461's ENVID, decoded. */
  readonly envid?: string;
  readonly sentAt: number;
  /** Of a delayed letter: when it is given up. */
  readonly retryUntil?: number;
  readonly now: number;
  /** The letter, or its header; its Message-ID alone unless given. */
  readonly returned?: { readonly whole: boolean; readonly content: Buffer };
}

const SUBJECTS: Readonly<Record<DeliveryAction, string>> = {
  failed: "Your letter was not delivered",
  delayed: "Your letter is delayed",
  relayed: "Your letter waits for its recipient",
  delivered: "Your letter was delivered",
};

const SENTENCES: Readonly<Record<DeliveryAction, string>> = {
  failed: "was not delivered:",
  delayed: "has not left yet, and is tried on:",
  relayed: "lies at the recipient's relay:",
  delivered: "was delivered:",
};

/** A delivery status notification (RFC 3464, with the fields of RFC 3461 section 6.3) about one recipient. */
export function formatDeliveryReport(report: DeliveryReport): Buffer {
  const boundary = encodeBase32(randomBytes(15));
  const { action, returned } = report;
  const whole = returned?.whole === true;
  const lines = [
    ...noticeHeader(
      report.to,
      SUBJECTS[action],
      report.now,
      `multipart/report; report-type=delivery-status; boundary="${boundary}"`,
    ),
    `In-Reply-To: ${report.originalMessageId}`,
    `References: ${report.originalMessageId}`,
    "",
    `--${boundary}`,
    `Content-Type: ${PLAIN}`,
    "",
    `Your letter to ${report.recipient} of ${formatDateTime(report.sentAt)} ${SENTENCES[action]}`,
    report.explanation,
    "",
    ...(whole ? [] : ["The letter itself is in your folder Sent.", ""]),
    `--${boundary}`,
    "Content-Type: message/delivery-status",
    "",
    `Reporting-MTA: dns; ${OVERLAY_DOMAIN}`,
    ...(report.envid === undefined ? [] : [`Original-Envelope-Id: ${report.envid}`]),
    `Arrival-Date: ${formatDateTime(report.sentAt)}`,
    "",
    ...(report.originalRecipient === undefined ? [] : [`Original-Recipient: ${typed(report.originalRecipient)}`]),
    `Final-Recipient: rfc822; ${report.recipient}`,
    `Action: ${action}`,
    `Status: ${report.status}`,
    ...(report.retryUntil === undefined ? [] : [`Will-Retry-Until: ${formatDateTime(report.retryUntil)}`]),
    "",
    `--${boundary}`,
    `Content-Type: ${whole ? "message/rfc822" : "text/rfc822-headers"}`,
    "",
  ];
  const original = returned?.content ?? Buffer.from(`Message-ID: ${report.originalMessageId}\r\n`);
  return Buffer.concat([
    Buffer.from(`${lines.join("\r\n")}\r\n`),
    original,
    Buffer.from(`${original.at(-1) === 0x0a ? "" : "\r\n"}\r\n--${boundary}--\r\n`),
  ]);
}

/** `rfc822;bob@x` as `rfc822; bob@x` (RFC 3464 section 2.3.1). */
function typed(originalRecipient: string): string {
  const semicolon = originalRecipient.indexOf(";");
  return `${originalRecipient.slice(0, semicolon)}; ${originalRecipient.slice(semicolon + 1).trim()}`;
}
