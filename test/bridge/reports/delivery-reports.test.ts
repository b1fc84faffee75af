import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { OverlayEventHandler } from "../../../bridge/notices/overlay-events.ts";
import { type DsnRequest, dsnRequest } from "../../../bridge/reports/dsn-request.ts";
import { SentCopies } from "../../../bridge/submission/sent-copies.ts";
import { createSubmissionSink } from "../../../bridge/submission/submission.ts";
import { silentLogger } from "../../../foundation/logger.ts";
import type { OverlayEvent } from "../../../overlay-adapter/events.ts";
import type { Recipient, Submission, SubmissionSink } from "../../../smtp-front/submission.ts";
import { SomeMail } from "../some-mail.ts";
import { NOW, someLabel } from "../somebody.ts";

let mail: SomeMail;
let sink: SubmissionSink;
let events: OverlayEventHandler;

beforeEach(async () => {
  mail = await SomeMail.create();
  const { db, account, contacts, maildir, overlay, commands } = mail;
  const clock = { now: () => NOW, after: () => () => undefined };
  const sentCopies = new SentCopies(db);
  const messageIdKey = randomBytes(32);
  sink = createSubmissionSink({
    db,
    account,
    maildir,
    overlay,
    commands,
    sentCopies,
    messageIdKey,
    introduces: false,
    clock,
  });
  events = new OverlayEventHandler({ db, account, contacts, maildir, logger: silentLogger });
  events.overlay = overlay;
});
afterEach(() => mail.close());

const TEXT = "From: me\r\nTo: bob@postern.alt\r\nSubject: the plan\r\n\r\nBody of the letter.\r\n";

async function submit(
  recipient: Omit<Recipient, "address">,
  extra: Partial<Submission> = {},
  text = TEXT,
): Promise<Buffer> {
  const content = (async function* () {
    yield Buffer.from(text);
  })();
  const recipients = [{ address: "bob@postern.alt", ...recipient }];
  return Buffer.from((await sink.submit({ from: mail.account.address, recipients, content, ...extra })).id, "hex");
}

async function reports(...told: OverlayEvent[]): Promise<string[]> {
  for (const event of told) events.handle(event);
  await events.settled();
  return (await mail.messages("INBOX")).map(({ text }) => text);
}

const all = (letter: Buffer): OverlayEvent[] => [
  { kind: "progress", letter, to: someLabel(1), progress: "delayed", at: NOW, reason: "room" },
  { kind: "progress", letter, to: someLabel(1), progress: "relayed", at: NOW },
  { kind: "progress", letter, to: someLabel(1), progress: "delivered", at: NOW },
  { kind: "failed", letter, to: someLabel(1), reason: "gone" },
];
const actions = (texts: string[]) => texts.map((text) => /^Action: (.*)\r$/m.exec(text)?.[1]);

test.each<[Recipient["notify"], string[]]>([
  [undefined, ["delayed", "failed"]],
  [["never"], []],
  [["success"], ["relayed", "delivered"]],
  [["failure"], ["failed"]],
  [["delay"], ["delayed"]],
  [
    ["success", "failure", "delay"],
    ["delayed", "relayed", "delivered", "failed"],
  ],
])("NOTIFY %j gives the reports %j, and everything is settled (RFC 3461 section 4.1)", async (notify, expected) => {
  const letter = await submit(notify === undefined ? {} : { notify });
  expect(actions(await reports(...all(letter)))).toEqual(expected);
  expect(mail.overlay.settled).toHaveLength(4);
});

test("nobody is told of a letter with an empty reverse-path", async () => {
  const letter = await submit({ notify: ["success", "failure", "delay"] }, { from: "" });
  expect(await reports(...all(letter))).toEqual([]);
});

test("a report names the recipient as RCPT did, ORCPT and ENVID as they were given, and says when a delay ends", async () => {
  const letter = await submit(
    { notify: ["delay"], originalRecipient: "rfc822;Bob.B@x.example" },
    { envid: "QQ314159" },
  );
  const [text = ""] = await reports(...all(letter));
  expect(text).toContain("\r\nOriginal-Envelope-Id: QQ314159\r\n");
  expect(text).toContain(
    "\r\nOriginal-Recipient: rfc822; Bob.B@x.example\r\nFinal-Recipient: rfc822; bob@postern.alt\r\n",
  );
  expect(text).toMatch(/\r\nStatus: 4\.2\.2\r\nWill-Retry-Until: /);
});

test.each<[DsnRequest["ret"], boolean]>([
  ["full", true],
  ["hdrs", false],
  [undefined, false],
])("RET=%s returns the text with a failure: %s; the header always, a success never the text", async (ret, whole) => {
  const letter = await submit({ notify: ["success", "failure"] }, ret === undefined ? {} : { ret });
  const [relayed = "", , failed = ""] = await reports(...all(letter));
  expect([relayed, failed].map((text) => text.includes("Subject: the plan"))).toEqual([true, true]);
  expect([relayed, failed].map((text) => text.includes("Body of the letter."))).toEqual([false, whole]);
  expect(failed).toContain(`Content-Type: ${whole ? "message/rfc822" : "text/rfc822-headers"}\r\n`);
});

test("where the copy in Sent is gone, the report names the letter by its Message-ID", async () => {
  const letter = await submit({ notify: ["failure"] }, { ret: "full" });
  const asked = dsnRequest(mail.db, letter, someLabel(1));
  const sent = mail.maildir.mailbox("Sent");
  await sent?.expunge([asked?.uid ?? 0]);
  const [text = ""] = await reports(...all(letter));
  expect(text).toMatch(
    /Content-Type: text\/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\nMessage-ID: <[^>]+@postern\.alt>\r\n/,
  );
});

test("what one writes to oneself with NOTIFY=SUCCESS is reported as delivered at once", async () => {
  await submit({ notify: ["success"] }, { recipients: [{ address: mail.account.address, notify: ["success"] }] });
  expect(actions(await reports())).toEqual([undefined, "delivered"]);
});

test.each<[what: string, text: string, encoding: string]>([
  ["ASCII alone", TEXT, "7bit"],
  ["octets above 127", `${TEXT}Grüße\r\n`, "8bit"],
  ["a line of 2,000 octets", `${TEXT}${"ü".repeat(1000)}\r\n`, "binary"],
])("a report that returns %s says how each part is encoded (RFC 2045 section 6)", async (_what, text, encoding) => {
  const letter = await submit({ notify: ["failure"] }, { ret: "full" }, text);
  const [report = ""] = await reports({ kind: "failed", letter, to: someLabel(1), reason: "gone" });
  const [, boundary = ""] = /boundary="([^"]+)"/.exec(report) ?? [];
  const [header = "", ...parts] = report.split(`--${boundary}`).map((part) => part.slice(0, part.indexOf("\r\n\r\n")));
  const encodings = [header, ...parts.slice(0, 3)].map((head) => /^Content-Transfer-Encoding: (.*)$/im.exec(head)?.[1]);
  expect(encodings.map((found) => found?.trim())).toEqual([encoding, "7bit", "7bit", encoding]);
});
