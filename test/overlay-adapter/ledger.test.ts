import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { AddressLabel } from "../../foundation/address.ts";
import { Database } from "../../foundation/database.ts";
import { Ledger } from "../../overlay-adapter/letters/ledger.ts";
import { LEDGER_LIFETIME, RECEIPT_PAUSE, RECEIPTS_HURRY, RECEIPTS_MAX } from "../../overlay-adapter/limits.ts";
import { receiptSchema } from "../../overlay-adapter/receipts/receipt-schema.ts";
import { ReceiptsDue } from "../../overlay-adapter/receipts/receipts-due.ts";
import { overlaySchema } from "../../overlay-adapter/schema.ts";

const BOB = "bob" as AddressLabel;
const CAROL = "carol" as AddressLabel;
const DELAY = 1_000;
let home: string;
let db: Database;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "postern-ledger-"));
  db = new Database(join(home, "state.db"), randomBytes(32));
  db.migrate(overlaySchema);
  db.migrate(receiptSchema);
});

afterEach(() => {
  db.close();
  rmSync(home, { recursive: true, force: true });
});

function opened(): { ledger: Ledger; due: ReceiptsDue } {
  const ledger = new Ledger(db);
  return { ledger, due: new ReceiptsDue(db, { send: true, longestDelay: DELAY }, () => 0.5) };
}

const octets = (length: number, octet: number) => Buffer.alloc(length, octet);
const letter = (octet: number) => ({
  letter: octets(16, octet),
  tag: octets(16, octet + 100),
  headerHash: octets(32, octet),
});

test("what an older home has of letters that came, and of their receipts, is taken over", () => {
  const seen = db.sqlite.prepare("INSERT INTO overlay_seen VALUES (?, ?, ?, ?)");
  const receipt = db.sqlite.prepare("INSERT INTO overlay_receipt VALUES (?, ?, ?, ?, ?)");
  for (const octet of [1, 2, 3]) seen.run(BOB, octets(16, octet), octets(16, octet + 100), 1_000 + octet);
  receipt.run(BOB, octets(16, 1), octets(32, 1), 5_000, null);
  receipt.run(BOB, octets(16, 2), octets(32, 2), 1_002, 9_000);
  const { ledger, due } = opened();
  for (const octet of [1, 2, 3]) {
    expect(ledger.seen(BOB, octets(16, octet))).toBe(true);
    expect(ledger.seenTag(BOB, octets(16, octet + 100))).toBe(true);
    expect(ledger.seen(CAROL, octets(16, octet))).toBe(false);
  }
  expect(due.next()).toBe(9_000);
  expect(due.labels(9_000)).toEqual([BOB]);
  expect(due.take(BOB, 9_000).map((one) => one.headerHash)).toEqual([octets(32, 2)]);
  // The first was acknowledged at 5,000, the third is not to be.
  expect(due.repeat(BOB, octets(16, 101), 5_000 + RECEIPT_PAUSE)).toBeUndefined();
  expect(due.repeat(BOB, octets(16, 101), 5_001 + RECEIPT_PAUSE)).toBe(5_001 + RECEIPT_PAUSE + DELAY / 2);
  expect(due.repeat(BOB, octets(16, 103), 1e12)).toBeUndefined();
});

test("receipts wait for the first of them, and for nobody when the sender's window may close", () => {
  const { ledger, due } = opened();
  ledger.add(BOB, letter(1), 10);
  expect(due.add(BOB, 10)).toBe(10 + DELAY / 2);
  ledger.add(BOB, letter(2), 20);
  expect(due.add(BOB, 20)).toBe(10 + DELAY / 2);
  for (let more = 3; more <= RECEIPTS_HURRY; more++) ledger.add(BOB, letter(more % 100), 30);
  expect(due.add(BOB, 30)).toBe(30);
  expect(due.add(CAROL, 30)).toBeUndefined();
});

test("one letter takes as many receipts as it holds, the oldest first, and the rest stays due", () => {
  const { ledger, due } = opened();
  for (let at = 0; at <= RECEIPTS_MAX; at++) ledger.add(BOB, { ...letter(1), headerHash: octets(32, at % 256) }, at);
  expect(due.add(BOB, 5)).toBe(5);
  const first = due.take(BOB, 5);
  expect(first).toHaveLength(RECEIPTS_MAX);
  expect(first[0]?.headerHash).toEqual(octets(32, 0));
  expect(due.labels(5)).toEqual([BOB]);
  expect(due.take(BOB, 5).map((one) => one.headerHash)).toEqual([octets(32, RECEIPTS_MAX)]);
  expect(due.next()).toBeUndefined();
  expect(due.take(BOB, 5)).toEqual([]);
});

test("a letter that came again under another header is acknowledged once, under that one", () => {
  const { ledger, due } = opened();
  ledger.add(BOB, letter(1), 0);
  const again = { ...letter(1), tag: octets(16, 200), headerHash: octets(32, 9) };
  ledger.addAgain(BOB, again, 1);
  due.add(BOB, 1);
  expect(ledger.seenTag(BOB, again.tag)).toBe(true);
  expect(due.take(BOB, 1).map((one) => one.headerHash)).toEqual([octets(32, 9)]);
});

test("nothing is acknowledged to who is no contact any more, and what came is forgotten after 90 days", () => {
  const { ledger, due } = opened();
  ledger.add(BOB, letter(1), 0);
  due.add(BOB, 0);
  due.remove(BOB);
  expect(due.next()).toBeUndefined();
  expect(due.take(BOB, 0)).toEqual([]);
  ledger.sweep(LEDGER_LIFETIME);
  expect(ledger.seen(BOB, octets(16, 1))).toBe(true);
  ledger.sweep(LEDGER_LIFETIME + 1);
  expect(ledger.seen(BOB, octets(16, 1))).toBe(false);
});
