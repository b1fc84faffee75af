import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { homePaths } from "../../../bridge/home/home.ts";
import { openState } from "../../../bridge/home/state.ts";
import { BodyHash } from "../../../bridge/submission/body-hash.ts";
import { SentCopies } from "../../../bridge/submission/sent-copies.ts";
import type { Database } from "../../../foundation/database.ts";
import { Vault } from "../../../keyring/vault.ts";

const SENT = { id: "mailbox-1", specialUse: "\\Sent" };
const NOW = Date.UTC(2026, 10, 23);
const DAY = 24 * 3600 * 1000;

let home: string;
let db: Database;
let copies: SentCopies;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "postern-sent-"));
  db = openState(homePaths(home), new Vault("0".repeat(32), randomBytes(32)));
  copies = new SentCopies(db);
});
afterEach(() => {
  db.close();
  rmSync(home, { recursive: true });
});

function bodyHashOf(message: string): Buffer {
  const hash = new BodyHash();
  hash.push(Buffer.from(message));
  return hash.digest();
}

function remember(message: string, messageId = "<a@x>", uid = 7, sentAt = NOW): void {
  copies.remember({ messageId, mailboxId: SENT.id, uid, bodyHash: bodyHashOf(message), sentAt });
}

/** What the Maildir does with a message that a mail program appends. */
async function append(
  message: string,
  mailbox: { id: string; specialUse: string | undefined } = SENT,
): Promise<number | undefined> {
  const merger = copies.merger(mailbox);
  if (merger === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  const content = (async function* () {
    for (let start = 0; start < message.length; start += 5) yield Buffer.from(message.slice(start, start + 5));
  })();
  for await (const chunk of merger.watch(content)) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe(message);
  const header = Buffer.from(message.slice(0, message.indexOf("\r\n\r\n") + 4));
  return merger.existing({ size: message.length, contentHash: Buffer.alloc(32), header });
}

const letter = (body: string, header = "Subject: x") => `Message-ID: <a@x>\r\n${header}\r\n\r\n${body}`;

test("the mail program's own copy of a sent letter is the one that is there, though its header has more fields", async () => {
  remember(letter("hello\r\n"));
  expect(await append(letter("hello\r\n", "Subject: x\r\nX-Mozilla-Status: 1"))).toBe(7);
  expect(await append(letter("hello\r\n\r\n"))).toBe(7);
});

test("the same Message-ID with another body is another letter", async () => {
  remember(letter("hello"));
  expect(await append(letter("hello, changed"))).toBeUndefined();
});

test("the same body under another Message-ID is another letter", async () => {
  remember(letter("hello"), "<b@x>");
  expect(await append(letter("hello"))).toBeUndefined();
});

test("a message without Message-ID is always a new one", async () => {
  remember("Subject: x\r\n\r\nhello", "");
  expect(await append("Subject: x\r\n\r\nhello")).toBeUndefined();
});

test("only the Sent folder merges", async () => {
  remember(letter("hello"));
  expect(copies.merger({ id: SENT.id, specialUse: undefined })).toBeUndefined();
  expect(copies.merger({ id: SENT.id, specialUse: "\\Drafts" })).toBeUndefined();
  expect(await append(letter("hello"), { id: "mailbox-2", specialUse: "\\Sent" })).toBeUndefined();
});

test("a copy is remembered for thirty days, over restarts of the program", async () => {
  remember(letter("hello"));
  copies = new SentCopies(db);
  copies.forgetOld(NOW + 29 * DAY);
  expect(await append(letter("hello"))).toBe(7);
  copies.forgetOld(NOW + 31 * DAY);
  expect(await append(letter("hello"))).toBeUndefined();
});

test("what was remembered in a transaction that failed is not there", async () => {
  expect(() =>
    db.transaction(() => {
      remember(letter("hello"));
      throw new Error("disk");
    }),
  ).toThrow("disk");
  expect(await append(letter("hello"))).toBeUndefined();
});
