import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { dsnRequest, dsnSchema, forgetDsnRequests, rememberDsnRequests } from "../../../bridge/reports/dsn-request.ts";
import { Database } from "../../../foundation/database.ts";
import { NOW, someLabel } from "../somebody.ts";

let db: Database;
beforeEach(() => {
  db = new Database(":memory:");
});
afterEach(() => db.close());

const LETTER = { id: Buffer.alloc(16, 1), from: "ann@x", ret: "full", mailboxId: "sent", uid: 7, sentAt: NOW } as const;
const [ANN, BOB, CAROL] = [someLabel(1), someLabel(2), someLabel(3)];

test("each recipient's request is remembered as it was made, of one person the first, until the letter is old", () => {
  db.migrate(dsnSchema);
  rememberDsnRequests(db, LETTER, [
    { label: ANN, recipient: { address: 'a"[0]"@x', notify: ["success"], originalRecipient: "rfc822;a@y" } },
    { label: BOB, recipient: { address: "b@x" } },
    { label: BOB, recipient: { address: "other@x", notify: ["never"] } },
  ]);
  const copy = { ret: "full", mailboxId: "sent", uid: 7 };
  expect(dsnRequest(db, LETTER.id, ANN)).toEqual({
    ...copy,
    address: 'a"[0]"@x',
    originalRecipient: "rfc822;a@y",
    notify: new Set(["success"]),
  });
  const failures = { address: "b@x", originalRecipient: undefined, notify: new Set(["failure", "delay"]) };
  expect(dsnRequest(db, LETTER.id, BOB)).toEqual({ ...copy, ...failures });
  expect(dsnRequest(db, LETTER.id, CAROL)).toBeUndefined();
  forgetDsnRequests(db, NOW);
  expect(dsnRequest(db, LETTER.id, ANN)).toBeDefined();
  forgetDsnRequests(db, NOW + 1);
  expect(dsnRequest(db, LETTER.id, ANN)).toBeUndefined();
});

test("what an earlier program remembered is known still", () => {
  db.migrate({ ...dsnSchema, migrations: dsnSchema.migrations.slice(0, 1) });
  for (const octet of [1, 2])
    db.sqlite
      .prepare("INSERT INTO dsn_letter VALUES (?, 'hdrs', 'sent', ?, ?)")
      .run(Buffer.alloc(16, octet), octet, NOW);
  const insert = db.sqlite.prepare("INSERT INTO dsn_recipient VALUES (?, ?, ?, ?, ?)");
  insert.run(Buffer.alloc(16, 1), ANN, "a@x", "rfc822;a@y", "success,delay");
  insert.run(Buffer.alloc(16, 1), BOB, "b@x", null, "");
  insert.run(Buffer.alloc(16, 2), BOB, "c@x", null, "failure");
  db.migrate(dsnSchema);
  expect(dsnRequest(db, Buffer.alloc(16, 1), ANN)).toEqual({
    address: "a@x",
    originalRecipient: "rfc822;a@y",
    notify: new Set(["success", "delay"]),
    ret: "hdrs",
    mailboxId: "sent",
    uid: 1,
  });
  expect(dsnRequest(db, Buffer.alloc(16, 1), BOB)).toMatchObject({ originalRecipient: undefined, notify: new Set() });
  expect(dsnRequest(db, Buffer.alloc(16, 2), BOB)).toMatchObject({ address: "c@x", uid: 2 });
});
