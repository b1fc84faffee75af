import { expect, test } from "@jest/globals";
import { type ParsedMail, simpleParser } from "mailparser";
import { formatNotice, newMessageId } from "../../../bridge/notices/notice.ts";
import { type DeliveryReport, formatDeliveryReport } from "../../../bridge/reports/delivery-report.ts";
import { formatDateTime } from "../../../mime/date.ts";

const NOW = Date.UTC(2026, 10, 23, 9, 5, 7);
const TO = `mail@${"a".repeat(52)}.postern.alt`;
const FAILURE: DeliveryReport = {
  action: "failed",
  to: TO,
  recipient: `mail@${"b".repeat(52)}.postern.alt`,
  status: "5.4.7",
  explanation: "The contact's relay could not be reached for too long. Send it again later. (You call them Böb.)",
  originalMessageId: "<original@postern.alt>",
  envid: "envelope-7",
  sentAt: NOW - 86_400_000,
  now: NOW,
};

/** Every line ends in CRLF, and none is longer than RFC 5322 section 2.1.1 allows. */
function expectWellFormed(message: Buffer): void {
  const text = message.toString("utf8");
  expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  expect(text.endsWith("\r\n")).toBe(true);
  for (const line of text.split("\r\n")) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(998);
}

/** The fields of a message/delivery-status body, group by group (RFC 3464 section 2.1). */
function deliveryStatus(report: ParsedMail): Map<string, string>[] {
  const part = report.attachments.find(({ contentType }) => contentType === "message/delivery-status");
  const groups = (part?.content.toString("utf8") ?? "").trim().split(/\r?\n\r?\n/);
  return groups.map(
    (group) =>
      new Map(
        group.split(/\r?\n/).map((line) => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
        }),
      ),
  );
}

test("a date is RFC 5322's, in UTC", () => {
  expect(formatDateTime(NOW)).toBe("Mon, 23 Nov 2026 09:05:07 +0000");
  expect(formatDateTime(Date.UTC(2026, 0, 1))).toMatch(/^Thu, 0?1 Jan 2026 00:00:00 \+0000$/);
});

test("no two Message-IDs are the same, and none names the machine", () => {
  const ids = Array.from({ length: 100 }, newMessageId);
  expect(new Set(ids).size).toBe(100);
  for (const id of ids) expect(id).toMatch(/^<[a-z2-7]{32}@postern\.alt>$/);
});

test("a notice comes from the bridge, and its text arrives as it was", async () => {
  const text = "Grüße von bob.\n\n.a line with a dot\nFrom here\n";
  const message = formatNotice({ to: TO, subject: "Letters are missing", text, now: NOW });
  expectWellFormed(message);
  const parsed = await simpleParser(message);
  expect(parsed.from?.value).toEqual([{ name: "Postern", address: "postern@postern.alt" }]);
  expect(parsed.to).toMatchObject({ value: [{ address: TO }] });
  expect(parsed.subject).toBe("Letters are missing");
  expect(parsed.date?.getTime()).toBe(NOW);
  expect(parsed.headers.get("auto-submitted")).toBe("auto-generated");
  expect(parsed.text?.trimEnd()).toBe(text.trimEnd());
});

test("a delivery status notification is the multipart/report of RFC 6522, with RFC 3464's fields", async () => {
  const message = formatDeliveryReport(FAILURE);
  expectWellFormed(message);
  const report = await simpleParser(message, { keepDeliveryStatus: true });
  expect(report.headers.get("content-type")).toMatchObject({
    value: "multipart/report",
    params: { "report-type": "delivery-status" },
  });
  expect(report.inReplyTo).toBe(FAILURE.originalMessageId);
  expect([report.references].flat()).toEqual([FAILURE.originalMessageId]);
  expect(report.headers.get("auto-submitted")).toBe("auto-generated");
  expect(report.text).toContain(FAILURE.explanation);
  const [perMessage, perRecipient, ...more] = deliveryStatus(report);
  expect(more).toEqual([]);
  expect(Object.fromEntries(perMessage ?? [])).toEqual({
    "reporting-mta": "dns; postern.alt",
    "original-envelope-id": FAILURE.envid,
    "arrival-date": formatDateTime(FAILURE.sentAt),
  });
  expect(Object.fromEntries(perRecipient ?? [])).toEqual({
    "final-recipient": `rfc822; ${FAILURE.recipient}`,
    action: "failed",
    status: FAILURE.status,
  });
});

test("a letter without an envelope id has none in its notification", async () => {
  const { envid, ...without } = FAILURE;
  const report = await simpleParser(formatDeliveryReport(without), { keepDeliveryStatus: true });
  expect(deliveryStatus(report)[0]?.has("original-envelope-id")).toBe(false);
  expect(formatDeliveryReport(without).toString()).not.toContain(String(envid));
});

test("the third part names the letter by its Message-ID and holds nothing of its text", async () => {
  const report = await simpleParser(formatDeliveryReport(FAILURE), { keepDeliveryStatus: true });
  const headers = report.attachments.find(({ contentType }) => contentType === "text/rfc822-headers");
  expect(headers?.content.toString().trim()).toBe(`Message-ID: ${FAILURE.originalMessageId}`);
});
