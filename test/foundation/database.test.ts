import * as fs from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
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
const { Database } = await import("../../foundation/database.ts");

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
