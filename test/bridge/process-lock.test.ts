import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { homePaths, lockHome } from "../../bridge/home/home.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "postern-lock-"));
});
afterEach(() => rmSync(home, { recursive: true }));

const SQLITE = createRequire(import.meta.url).resolve("better-sqlite3-multiple-ciphers");

/** Holds the home's lock in another process, as a bridge does, until that ends. */
async function holdElsewhere(): Promise<ChildProcess> {
  const script = `
    const SQLite = require(${JSON.stringify(SQLITE)});
    const database = new SQLite(${JSON.stringify(homePaths(home).lock)}, { timeout: 0 });
    database.pragma("journal_mode = MEMORY");
    database.exec("BEGIN EXCLUSIVE");
    console.log("held");
    setInterval(() => database, 1000);`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  if (child.stdout === null) throw new Error("no standard output");
  await once(child.stdout, "data");
  return child;
}

const lock = () => lockHome(homePaths(home));

test("a home has one holder at a time, in this process too", () => {
  const held = lock();
  expect(lock).toThrow(expect.objectContaining({ code: "busy", message: expect.stringContaining(home) }));
  held.release();
  lock().release();
});

test("a home that another process holds is refused at once", async () => {
  const child = await holdElsewhere();
  try {
    const before = performance.now();
    expect(lock).toThrow(expect.objectContaining({ code: "busy" }));
    expect(performance.now() - before).toBeLessThan(500);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

test("kill -9 releases it: no stale lock is ever left", async () => {
  for (let round = 0; round < 3; round++) {
    const child = await holdElsewhere();
    child.kill("SIGKILL");
    await once(child, "exit");
    lock().release();
  }
});

test("what holds the lock leaves a file that any later holder can use", () => {
  lock().release();
  expect(execFileSync("ls", ["-A", home]).toString().trim()).toBe("lock.db");
  lock().release();
});
