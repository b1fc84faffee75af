import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import SQLite from "better-sqlite3-multiple-ciphers";
import { type CheckpointResult, Checkpoints } from "../../foundation/checkpoints.ts";
import { Database } from "../../foundation/database.ts";

let directory: string;
const file = (name: string): string => join(directory, name);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-checkpoints-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const SCHEMA = { part: "test", migrations: ["CREATE TABLE letter (text TEXT NOT NULL) STRICT"] };
const LIMITS = { due: 20, longest: 1_000 };

async function fill(db: Database, rows: number): Promise<void> {
  const insert = db.sqlite.prepare("INSERT INTO letter VALUES (?)");
  for (let row = 0; row < rows; row++) await db.commit(() => void insert.run("x".repeat(3_000)));
}

/** Rows that are in the file itself, without its log. */
function rowsInFile(key: Buffer): unknown {
  copyFileSync(file("state.db"), file("copy.db"));
  const copy = new Database(file("copy.db"), key);
  const rows = copy.sqlite.prepare("SELECT COUNT(*) FROM letter").pluck().get();
  copy.close();
  return rows;
}

test("what is committed gets from the log into the encrypted file while the database is open", async () => {
  const key = Buffer.alloc(32, 7);
  const db = new Database(file("state.db"), key, { checkpoints: LIMITS });
  db.migrate(SCHEMA);
  await fill(db, 60);
  await db.checkpointed();
  expect(rowsInFile(key)).toBeGreaterThan(0);
  await fill(db, 60);
  await db.checkpointed();
  db.close();
  expect(rowsInFile(key)).toBe(120);
});

test("the log begins anew once all of it was copied: it does not grow with what is written", async () => {
  const db = new Database(file("state.db"), undefined, { checkpoints: LIMITS });
  db.migrate(SCHEMA);
  const insert = db.sqlite.prepare("INSERT INTO letter VALUES (?)");
  const frames = () => (db.sqlite.pragma("wal_checkpoint(NOOP)") as CheckpointResult[])[0]?.log;
  const lengths: (number | undefined)[] = [];
  for (let round = 0; round < 20; round++) {
    // One commit: whenever its checkpoint runs, all of the log is there to be copied.
    await db.commit(() => {
      for (let row = 0; row < 25; row++) insert.run("x".repeat(3_000));
    });
    await db.checkpointed();
    lengths.push(frames());
  }
  db.close();
  expect(Math.max(...lengths.map((length) => length ?? Number.NaN))).toBeLessThan(100);
});

test("a database that was not closed does not keep the process alive, though it made a checkpoint", async () => {
  const program = `
    import { Database } from ${JSON.stringify(new URL("../../dist/foundation/database.js", import.meta.url).href)};
    const db = new Database(${JSON.stringify(file("state.db"))}, undefined, { checkpoints: ${JSON.stringify(LIMITS)} });
    db.migrate(${JSON.stringify(SCHEMA)});
    db.transaction(() => {
      for (let row = 0; row < 60; row++) db.sqlite.prepare("INSERT INTO letter VALUES (?)").run("x".repeat(3_000));
    });
    await db.checkpointed();
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" });
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const [status] = (await once(child, "exit")) as [number | null];
  clearTimeout(timer);
  expect(status).toBe(0);
}, 70_000);

function watched(longest: number) {
  const sqlite = new SQLite(file("other.db"));
  sqlite.pragma("journal_mode = WAL");
  sqlite.exec("CREATE TABLE letter (text TEXT)");
  const runs: { resolve(result: CheckpointResult): void; reject(error: unknown): void }[] = [];
  const lost: unknown[] = [];
  const checkpoints = new Checkpoints({
    sqlite,
    limits: { due: 5, longest },
    start: () => ({
      run: () => new Promise((resolve, reject) => runs.push({ resolve, reject })),
      close: () => undefined,
    }),
    onLost: (error) => lost.push(error),
  });
  const commit = (count: number): void => {
    for (let i = 0; i < count; i++) {
      sqlite.prepare("INSERT INTO letter VALUES (?)").run("x".repeat(3_000));
      checkpoints.consider();
    }
  };
  return { sqlite, runs, lost, checkpoints, commit };
}

test("commits that can wait are told to once the log is too long, and until it was copied", async () => {
  const { sqlite, runs, checkpoints, commit } = watched(200);
  commit(8);
  expect(runs).toHaveLength(1);
  expect(checkpoints.congestion).toBeUndefined();
  commit(200);
  expect(runs).toHaveLength(1);
  const { congestion } = checkpoints;
  expect(congestion).toBeDefined();
  runs[0]?.resolve({ log: 0, checkpointed: 0 });
  await congestion;
  expect(checkpoints.congestion).toBeUndefined();
  sqlite.close();
});

test("a full disk is tried again later, a disk that lost something is reported, and without a thread SQLite does it", async () => {
  const { sqlite, runs, lost, checkpoints, commit } = watched(1_000);
  const refuse = async (code: string): Promise<void> => {
    const before = runs.length;
    commit(10);
    expect(runs.length).toBe(before + 1);
    runs.at(-1)?.reject(Object.assign(new Error("refused"), { code }));
    await checkpoints.idle();
  };
  await refuse("SQLITE_FULL");
  commit(1);
  expect(runs).toHaveLength(1);
  await refuse("SQLITE_IOERR_FSYNC");
  expect(lost).toMatchObject([{ code: "SQLITE_IOERR_FSYNC" }]);
  await refuse("ERR_WORKER_INIT_FAILED");
  expect(sqlite.pragma("wal_autocheckpoint", { simple: true })).toBe(1000);
  sqlite.close();
});
