import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { simpleParser } from "mailparser";
import { OverlayEventHandler } from "../../../bridge/notices/overlay-events.ts";
import { rememberLetter } from "../../../bridge/reports/letter-reports.ts";
import type { LetterFailure, OverlayEvent } from "../../../overlay-adapter/events.ts";
import { SomeMail } from "../some-mail.ts";
import { NOW, someLabel } from "../somebody.ts";

let mail: SomeMail;
let events: OverlayEventHandler;
let log: string[];

beforeEach(async () => {
  mail = await SomeMail.create();
  log = [];
  const { db, account, contacts, maildir } = mail;
  const logger = (level: string, event: string, details?: object) =>
    void log.push(JSON.stringify([level, event, details]));
  events = new OverlayEventHandler({ db, account, contacts, maildir, logger });
  events.overlay = mail.overlay;
});
afterEach(() => mail.close());

async function tell(...told: OverlayEvent[]): Promise<string[]> {
  for (const event of told) events.handle(event);
  await events.settled();
  return (await mail.messages("INBOX")).map(({ text }) => text);
}

const REASONS: readonly [LetterFailure, string][] = [
  ["gone", "5.1.6"],
  ["expired", "5.4.7"],
  ["refused", "5.7.1"],
  ["no-session", "5.7.5"],
  ["unconfirmed", "5.4.7"],
];
test.each(REASONS)(
  "a letter that failed as %s comes back as a notification with status %s, once",
  async (reason, status) => {
    const id = randomBytes(16);
    rememberLetter(mail.db, { id, messageId: "<wire@postern.alt>", envid: "e1", sentAt: NOW - 1000 });
    const [text = "", ...more] = await tell({ kind: "failed", letter: id, to: someLabel(1), reason });
    expect(more).toEqual([]);
    expect(text).toContain(`Status: ${status}\r\n`);
    expect(text).toContain(`Final-Recipient: rfc822; ${mail.bob}\r\n`);
    expect(text).toContain("Original-Envelope-Id: e1\r\n");
    const parsed = await simpleParser(text);
    expect(parsed.inReplyTo).toBe("<wire@postern.alt>");
    expect(parsed.text).toContain("You call them bob");
    expect(mail.overlay.settled).toEqual([[id.toString("hex"), someLabel(1)]]);
  },
);

test("a failure that could not be filed is not settled: the overlay tells it again at the next start", async () => {
  mail.overlay.settleFailure = () => {
    throw new Error("the disk");
  };
  expect(await tell({ kind: "failed", letter: randomBytes(16), to: someLabel(1), reason: "gone" })).toEqual([]);
  expect(log).toEqual([expect.stringMatching(/^\["error".*the disk/)]);
});

test("missing letters are settled with the notice; one that could not be filed is told again later", async () => {
  const gap: OverlayEvent = { kind: "gap", from: someLabel(1), deviceId: 1, missing: 3, noticedUntil: NOW };
  const settle = mail.overlay.settleGap.bind(mail.overlay);
  mail.overlay.settleGap = () => {
    throw new Error("the disk");
  };
  expect(await tell(gap)).toEqual([]);
  mail.overlay.settleGap = settle;
  expect(await tell(gap)).toHaveLength(1);
  expect(mail.overlay.settled).toEqual([[String(NOW), someLabel(1)]]);
});

test("what happens once is settled with its notice, or at once where there is none; else it is told again later", async () => {
  const burned: OverlayEvent = { kind: "invite-burned", invite: "1" };
  const settle = mail.overlay.settle.bind(mail.overlay);
  mail.overlay.settle = () => {
    throw new Error("the disk");
  };
  expect(await tell(burned)).toEqual([]);
  mail.overlay.settle = settle;
  expect(await tell(burned, { kind: "contact-added", contact: someLabel(1), invite: "1" })).toHaveLength(1);
  expect(mail.overlay.settled.map(([kind]) => kind)).toEqual(["invite-burned", "contact-added"]);
});

test("a letter of which nothing is known, to somebody who is no contact any more, still comes back", async () => {
  const [text] = await tell({ kind: "failed", letter: randomBytes(16), to: someLabel(99), reason: "refused" });
  expect(text).toContain("Action: failed");
});

test.each<[OverlayEvent, RegExp]>([
  [{ kind: "invite-burned", invite: "1" }, /^Subject: An invite was used twice\r$/m],
  [{ kind: "join-failed", invite: "1", text: "It has expired." }, /It has expired\./],
  [{ kind: "gap", from: someLabel(1), deviceId: 1, missing: 3, noticedUntil: NOW }, /3 letter\(s\) of bob/],
])("the user learns of %j in INBOX", async (event, expected) => {
  const [text = "", ...more] = await tell(event);
  expect(more).toEqual([]);
  expect(text).toMatch(expected);
  expect((await simpleParser(text)).from?.value[0]?.address).toBe("postern@postern.alt");
});

test("a letter that could not be opened is told of, once a day for each contact", async () => {
  const texts = await tell(
    { kind: "cells-dropped", from: someLabel(1), reason: "undecryptable", count: 1 },
    { kind: "cells-dropped", from: someLabel(1), reason: "altered", count: 2 },
    { kind: "cells-dropped", from: someLabel(2), reason: "damaged", count: 1 },
  );
  expect(texts.map((text) => /^Subject: (.*)\r$/m.exec(text)?.[1])).toEqual([
    "A letter could not be opened",
    "A letter could not be opened",
  ]);
  expect(texts[0]).toContain("It is asked for by itself, and comes again if bob still has it.");
  expect(texts[1]).toMatch(/^Something came from .* damaged or changed on its way/m);
});

test("what needs nobody's attention makes no mail", async () => {
  const quiet: OverlayEvent[] = [
    { kind: "relayed", letter: randomBytes(16), to: someLabel(1) },
    { kind: "contact-added", contact: someLabel(1), invite: "1" },
    { kind: "contact-confirmed", contact: someLabel(1) },
    { kind: "invite-expired", invite: "1" },
    { kind: "cells-dropped", from: someLabel(1), reason: "duplicate", count: 2 },
    { kind: "cells-dropped", from: undefined, reason: "damaged", count: 1 },
    { kind: "relay", host: "relay.example", port: 4523, connected: false },
  ];
  expect(await tell(...quiet)).toEqual([]);
  expect(log).toHaveLength(quiet.length);
});

test("the log names no contact and no invite", async () => {
  await tell(
    { kind: "gap", from: someLabel(1), deviceId: 1, missing: 3, noticedUntil: NOW },
    { kind: "contact-added", contact: someLabel(1), invite: "secret-invite" },
    { kind: "cells-dropped", from: someLabel(1), reason: "damaged", count: 1 },
  );
  for (const secret of [someLabel(1), "bob", "secret-invite"]) expect(log.join("\n")).not.toContain(secret);
});

test("events are told in their order, each on its own: one that fails does not stop the next", async () => {
  const settle = mail.overlay.settleFailure.bind(mail.overlay);
  let calls = 0;
  mail.overlay.settleFailure = (letter, to) => {
    calls += 1;
    if (calls === 1) throw new Error("the disk");
    settle(letter, to);
  };
  const failed = (): OverlayEvent => ({ kind: "failed", letter: randomBytes(16), to: someLabel(1), reason: "gone" });
  const texts = await tell(failed(), failed(), { kind: "invite-burned", invite: "1" });
  expect(texts).toHaveLength(2);
  expect(texts[1]).toContain("An invite was used twice");
});
