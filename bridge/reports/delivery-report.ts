import { randomBytes } from "node:crypto";
import { OVERLAY_DOMAIN } from "../../foundation/address.ts";
import { encodeBase32 } from "../../foundation/base32.ts";
import { formatDateTime } from "../../mime/date.ts";
import { noticeHeader, PLAIN } from "../notices/notice.ts";

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
  /** What another server said (RFC 3464 sections 2.3.5 and 2.3.6); the words are one line. */
  readonly diagnostic?: { readonly server: string; readonly words: string };
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
  const text = [
    `Your letter to ${report.recipient} of ${formatDateTime(report.sentAt)} ${SENTENCES[action]}`,
    report.explanation,
    "",
    ...(whole ? [] : ["The letter itself is in your folder Sent.", ""]),
  ];
  const status = [
    `Reporting-MTA: dns; ${OVERLAY_DOMAIN}`,
    ...(report.envid === undefined ? [] : [`Original-Envelope-Id: ${report.envid}`]),
    `Arrival-Date: ${formatDateTime(report.sentAt)}`,
    "",
    ...(report.originalRecipient === undefined ? [] : [`Original-Recipient: ${typed(report.originalRecipient)}`]),
    `Final-Recipient: rfc822; ${report.recipient}`,
    `Action: ${action}`,
    `Status: ${report.status}`,
    ...(report.diagnostic === undefined
      ? []
      : [
          `Remote-MTA: dns; ${report.diagnostic.server}`,
          `Diagnostic-Code: smtp; ${report.diagnostic.words.replace(/[^ -~]/g, "?")}`,
        ]),
    ...(report.retryUntil === undefined ? [] : [`Will-Retry-Until: ${formatDateTime(report.retryUntil)}`]),
    "",
  ];
  const original = returned?.content ?? Buffer.from(`Message-ID: ${report.originalMessageId}\r\n`);
  const parts = [
    part(PLAIN, lines(text)),
    part("message/delivery-status", lines(status)),
    part(whole ? "message/rfc822" : "text/rfc822-headers", original),
  ];
  const header = [
    ...noticeHeader(
      report.to,
      SUBJECTS[action],
      report.now,
      `multipart/report; report-type=delivery-status; boundary="${boundary}"`,
    ),
    // Of a multipart: that of the part with the most (RFC 2045 section 6.4).
    `Content-Transfer-Encoding: ${widest(parts.map(({ encoding }) => encoding))}`,
    `In-Reply-To: ${report.originalMessageId}`,
    `References: ${report.originalMessageId}`,
    "",
  ];
  const between = Buffer.from(`--${boundary}\r\n`);
  return Buffer.concat([
    lines(header),
    ...parts.flatMap(({ bytes }) => [between, bytes]),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

/** Of RFC 2045 section 6.2, by what they allow: no encoding changes a returned letter. */
const ENCODINGS = ["7bit", "8bit", "binary"] as const;
type Encoding = (typeof ENCODINGS)[number];

function part(type: string, content: Buffer): { readonly encoding: Encoding; readonly bytes: Buffer } {
  const encoding = encodingOf(content);
  const head = lines([`Content-Type: ${type}`, `Content-Transfer-Encoding: ${encoding}`, ""]);
  return { encoding, bytes: Buffer.concat([head, content, Buffer.from(content.at(-1) === 0x0a ? "" : "\r\n")]) };
}

/** RFC 2045 sections 2.7 to 2.9: lines of at most 998 octets, without NUL, and what is above 127 or not. */
function encodingOf(content: Buffer): Encoding {
  const text = content.toString("latin1");
  if (/\0|\r(?!\n)|(?<!\r)\n|[^\r\n]{999}/.test(text)) return "binary";
  return /[\x80-\xff]/.test(text) ? "8bit" : "7bit";
}

function widest(encodings: readonly Encoding[]): Encoding {
  return ENCODINGS.findLast((encoding) => encodings.includes(encoding)) ?? "7bit";
}

function lines(texts: readonly string[]): Buffer {
  return Buffer.from(`${texts.join("\r\n")}\r\n`);
}

/** `rfc822;bob@x` as `rfc822; bob@x` (RFC 3464 section 2.3.1). */
function typed(originalRecipient: string): string {
  const semicolon = originalRecipient.indexOf(";");
  return `${originalRecipient.slice(0, semicolon)}; ${originalRecipient.slice(semicolon + 1).trim()}`;
}
