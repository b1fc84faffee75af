import * as fs from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import SQLite from "better-sqlite3-multiple-ciphers";
import type { Database as DatabaseClass } from "../../foundation/database.ts";

const disk = { fails: false };
const lostWrite = () => Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });

jest.unstable_mockModule("node:fs", () => ({
  ...fs,
  fdatasync: (fd: number, callback: (error: Error | null) => void) =>
    disk.fails ? void setImmediate(callback, lostWrite()) : fs.fdatasync(fd, callback),
  fdatasyncSync: (fd: number) => {
    if (disk.fails) throw lostWrite();
    fs.fdatasyncSync(fd);
  },
}));
const { Database, WrongDatabaseKey } = await import("../../foundation/database.ts");

let directory: string;
let db: DatabaseClass;

beforeEach(async () => {
  disk.fails = false;
  directory = await mkdtemp(join(tmpdir(), "postern-database-"));
  db = new Database(join(directory, "state.db"));
  db.migrate({ part: "test", migrations: ["CREATE TABLE letter (id INTEGER PRIMARY KEY) STRICT"] });
});
afterEach(async () => {
  disk.fails = false;
  db.close();
  await rm(directory, { recursive: true });
});

const insert = (id: number) => () => void db.sqlite.prepare("INSERT INTO letter VALUES (?)").run(id);

test("what a failed sync may have lost is told to nobody as durable", async () => {
  disk.fails = true;
  let synced = false;
  const committed = db.commit(() => {
    insert(1)();
    db.afterSync(() => {
      synced = true;
    });
  });
  await expect(committed).rejects.toMatchObject({ code: "damaged", cause: { code: "EIO" } });
  expect(synced).toBe(false);
});

test("after a failed sync nothing is committed any more, even if the next sync would succeed", async () => {
  disk.fails = true;
  await expect(db.commit(insert(1))).rejects.toMatchObject({ code: "damaged" });
  disk.fails = false;
  await expect(db.commit(insert(2))).rejects.toMatchObject({ code: "damaged" });
  expect(() => db.transaction(insert(3))).toThrow("the disk did not keep what was written");
  expect(db.sqlite.prepare("SELECT count(*) FROM letter WHERE id > 1").pluck().get()).toBe(0);
});

test("a transaction whose own sync fails throws, and is the last one", () => {
  disk.fails = true;
  expect(() => db.transaction(insert(1))).toThrow("the disk did not keep what was written");
  disk.fails = false;
  expect(() => db.transaction(insert(2))).toThrow("the disk did not keep what was written");
});

test("a file that was made with ChaCha20-Poly1305 opens with its key alone, and stays what it is", () => {
  const path = join(directory, "older.db");
  const key = Buffer.alloc(32, 7);
  const older = new SQLite(path);
  older.pragma("cipher = 'chacha20'");
  older.pragma(`key = 'raw:${key.toString("hex")}'`);
  older.pragma("journal_mode = WAL");
  older.exec("CREATE TABLE letter (id INTEGER PRIMARY KEY) STRICT; INSERT INTO letter VALUES (5)");
  older.close();
  for (let opened = 0; opened < 2; opened++) {
    const again = new Database(path, key);
    expect(again.sqlite.prepare("SELECT id FROM letter").pluck().all()).toEqual([5]);
    again.close();
  }
  expect(() => new Database(path, Buffer.alloc(32, 8))).toThrow(WrongDatabaseKey);
});

test("a new file opens with its key alone", () => {
  const path = join(directory, "new.db");
  const key = Buffer.alloc(32, 7);
  new Database(path, key).close();
  expect(() => new Database(path, Buffer.alloc(32, 8))).toThrow(WrongDatabaseKey);
  expect(() => new Database(path)).toThrow();
  new Database(path, key).close();
});
