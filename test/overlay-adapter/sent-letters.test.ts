import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { AddressLabel } from "../../foundation/address.ts";
import { Database } from "../../foundation/database.ts";
import { SentLetters, sentLettersSchema } from "../../overlay-adapter/letters/sent-letters.ts";
import { UnreceiptedLetters } from "../../overlay-adapter/letters/unreceipted.ts";
import { RESEND_LIFETIME, RESEND_SIZE, SENT_TAGS_LIFETIME } from "../../overlay-adapter/limits.ts";
import { receiptSchema } from "../../overlay-adapter/receipts/receipt-schema.ts";
import { overlaySchema } from "../../overlay-adapter/schema.ts";

const BOB = "bob" as AddressLabel;
const [T1, T2, T3] = [1, 2, 3].map((octet) => Buffer.alloc(16, octet)) as [Buffer, Buffer, Buffer];
let home: string;
let db: Database;
let sent: SentLetters;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "postern-sent-"));
  db = new Database(join(home, "state.db"), randomBytes(32));
  sent = new SentLetters(db);
});

afterEach(() => {
  db.close();
  rmSync(home, { recursive: true, force: true });
});

function add(tag: Buffer, seq: number, at: number, size = 100): void {
  sent.add(
    BOB,
    { delivery: seq, tag, deviceId: 1, letter: tag, kind: "mail", size, awaited: false },
    new Map([[1, { seq, hash: tag }]]),
    at,
  );
}

test("what a device did not get is what has a higher number, in order, and once", () => {
  for (const [tag, seq] of [
    [T3, 3],
    [T1, 1],
    [T2, 2],
  ] as const)
    add(tag, seq, 0);
  expect(sent.after(BOB, 1, 1, 1).map(({ tag }) => tag)).toEqual([T2, T3]);
  sent.settle(BOB, T2);
  expect(sent.after(BOB, 1, 1, 1).map(({ tag }) => tag)).toEqual([T3]);
  expect(sent.after(BOB, 2, 1, 0)).toEqual([]);
  expect(sent.after(BOB, 1, 2, 0)).toEqual([]);
});

test("contents are given up when no relay can hold the letter any more; the tag is known for longer", () => {
  add(T1, 1, 0);
  add(T2, 2, 1000);
  expect(sent.sweep(RESEND_LIFETIME + 1)).toEqual([T1]);
  expect(sent.find(BOB, T1)?.settled).toBe(1);
  expect(sent.find(BOB, T2)?.settled).toBe(0);
  sent.sweep(SENT_TAGS_LIFETIME + 1);
  expect(sent.find(BOB, T1)).toBeUndefined();
});

test("the oldest contents are given up where they take too much", () => {
  add(T1, 1, 1, RESEND_SIZE / 2);
  add(T2, 2, 2, RESEND_SIZE / 2);
  expect(sent.sweep(3)).toEqual([]);
  add(T3, 3, 3, 1);
  expect(sent.sweep(4)).toEqual([T1]);
});

test("what was sent under a number can be told from what another sent under it", () => {
  add(T1, 1, 0);
  expect(sent.hash(BOB, 1, 1, 1)).toEqual(T1);
  expect(sent.hash(BOB, 1, 1, 2)).toBeUndefined();
  expect(sent.hash(BOB, 1, 2, 1)).toBeUndefined();
});

test("an older home's letters are moved over, with what devices had yet to acknowledge", () => {
  const older = new Database(":memory:");
  try {
    for (const schema of [overlaySchema, receiptSchema]) older.migrate(schema);
    older.migrate({ ...sentLettersSchema, migrations: sentLettersSchema.migrations.slice(0, 2) });
    const [taken, awaited, forgotten] = [T1, T2, T3];
    const { sqlite } = older;
    for (const [seq, letter] of [taken, awaited].entries())
      sqlite
        .prepare("INSERT INTO overlay_sent VALUES ('bob', ?, 1, 2, ?, ?, 'mail', 100, ?, 0, ?)")
        .run(letter, seq + 1, letter, seq, letter);
    sqlite.prepare("INSERT INTO overlay_progress VALUES (?, 'bob', 'delivered', 5, 1)").run(taken);
    for (const [at, letter] of [awaited, forgotten].entries()) {
      const delivery = sqlite
        .prepare(
          "INSERT INTO overlay_delivery (letter, label, kind, size, state, tag, slots, since) VALUES (?, 'bob', 'mail', 100, 'relayed', ?, x'', 0)",
        )
        .run(letter, letter).lastInsertRowid;
      sqlite
        .prepare("INSERT INTO overlay_unreceipted VALUES (?, 2, ?, 'bob', ?, ?)")
        .run(delivery, letter, letter, at + 1);
    }
    const moved = new SentLetters(older);
    const unreceipted = new UnreceiptedLetters(older);
    expect(moved.hash(BOB, 2, 1, 2)).toEqual(awaited);
    expect(moved.after(BOB, 2, 1, 0).map(({ letter }) => letter)).toEqual([taken, awaited]);
    expect(unreceipted.deliveries(BOB).map(({ letter }) => letter)).toEqual([awaited, forgotten]);
    const receipts = [taken, awaited, forgotten].map((letter) => ({ letter, headerHash: letter }));
    expect(unreceipted.receive(BOB, 2, receipts, "delivered").map(({ letter }) => letter)).toEqual([
      awaited,
      forgotten,
    ]);
    expect(unreceipted.deliveries(BOB)).toEqual([]);
  } finally {
    older.close();
  }
});
