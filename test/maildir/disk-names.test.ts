import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { DiskNames } from "../../maildir/disk-names.ts";
import { MailFolders } from "../../maildir/mail-folders.ts";
import { FakeClock } from "./home.ts";

const FOLDER = "folder";
let home: string;
let folders: MailFolders;
let clock: FakeClock;
let names: DiskNames;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "postern-names-"));
  folders = new MailFolders(home, Buffer.alloc(32));
  await folders.createRoot();
  await folders.create([FOLDER]);
  clock = new FakeClock();
  names = new DiskNames(folders, clock, 2);
  for (const file of ["one", "two"]) {
    writeFileSync(folders.fresh(FOLDER, file), "");
    names.settle({ folder: FOLDER, file, letters: "S" }, folders.fresh(FOLDER, file));
  }
});
afterEach(async () => {
  await rm(home, { recursive: true });
});

async function isWaiting(room: Promise<void>): Promise<boolean> {
  return await Promise.race([
    room.then(() => false),
    new Promise<boolean>((resolve) => setImmediate(() => resolve(true))),
  ]);
}

test("who changes more names than may wait is let in once some are written", async () => {
  const room = names.room();
  expect(await isWaiting(room)).toBe(true);
  clock.advance(1_000);
  await room;
  expect(await folders.list(folders.cur(FOLDER))).toEqual(["one:2,S", "two:2,S"]);
});

test("nobody waits for a disk that takes no names", async () => {
  mkdirSync(folders.cur(FOLDER, "one", "S"));
  const room = names.room();
  expect(await isWaiting(room)).toBe(true);
  clock.advance(1_000);
  await room;
  expect(await isWaiting(names.room())).toBe(false);
});
