import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { formatLetter } from "../../rig/letters.ts";
import { Person } from "../../rig/person.ts";
import { PosternServer, spawnPostern } from "../../rig/postern-process.ts";
import { type FiledLetter, PrivateDovecot } from "../../rig/private-dovecot.ts";

const FOLDERS = 20;
const PER_FOLDER = 250;
const KILLS = 10;
/** Milliseconds between two looks at the store's folders, which cost the import its processor. */
const LOOK = 20;
/** Folders that are exported: those with names of their own, and one more. */
const EXPORTED = 6;
const KEYWORDS = ["$Label1", "Later"];

interface ImportResult {
  readonly done: number;
  readonly added: number;
  readonly known: number;
  readonly failed: number;
}

let scratch: string;
let dovecot: PrivateDovecot;
let relay: PosternServer;
let ann: Person;
let passwordFile: string;
/** What each of our folders has to hold: a line for each letter, sorted. */
const expected = new Map<string, string[]>();

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "postern-import-account-"));
  dovecot = await PrivateDovecot.start();
  passwordFile = join(scratch, "password");
  writeFileSync(passwordFile, `${dovecot.password}\n`);
  for (let folder = 0; folder < FOLDERS; folder++) {
    const [onDisk, name] = folderName(folder);
    const letters = Array.from({ length: PER_FOLDER }, (_, index) => someLetter(folder, index));
    dovecot.fill(onDisk, letters, KEYWORDS);
    expected.set(name, letters.map(({ content, letters, date }) => line(content, flagsOf(letters), date)).sort());
  }
  relay = await PosternServer.start(scratch, "relay", "--home", join(scratch, "relay"), "--listen", "127.0.0.1:0");
  ann = await Person.create("ann", scratch, relay.url);
}, 120_000);

afterAll(async () => {
  await ann?.stop();
  await relay?.stop();
  await dovecot?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** On Dovecot's disk, and here. */
function folderName(folder: number): [onDisk: string, name: string] {
  if (folder === 0) return ["", "INBOX"];
  if (folder === 1) return [".Sent", "Sent"];
  if (folder === 2) return [".Bin", "Trash"];
  // What a common name tells of its use.
  if (folder === 3) return [".Entw&APw-rfe", "Drafts"];
  if (folder === 4) return [".Work.Gr&APwA3w-e", "Work/Grüße"];
  return [`.Work.Project ${folder}`, `Work/Project ${folder}`];
}

function someLetter(folder: number, index: number): FiledLetter {
  const date = 1_500_000_000 + folder * 100_000 + index * 60;
  const header = { From: "ann@example.org", Subject: `${folder}/${index}`, Date: new Date(date * 1_000).toUTCString() };
  const size = index === 7 ? 600_000 : (index * 37) % 4_000;
  const body = `From the start\r\n${randomBytes(size)
    .toString("base64")
    .replace(/(.{76})/g, "$1\r\n")}\r\n`;
  const letters = ["D", "F", "R", "S", "a", "b"].filter((_, bit) => (index & (1 << bit)) !== 0).join("");
  return { content: formatLetter(header, body), letters, date };
}

function flagsOf(letters: string): string[] {
  const names: Record<string, string> = {
    D: "\\Draft",
    F: "\\Flagged",
    R: "\\Answered",
    S: "\\Seen",
    a: "$Label1",
    b: "Later",
  };
  return letters.split("").map((letter) => names[letter] ?? "");
}

function line(content: Buffer, flags: Iterable<string>, seconds: number): string {
  const hash = createHash("sha256").update(content).digest("hex");
  return `${hash} ${[...flags]
    .filter((flag) => flag !== "\\Recent")
    .sort()
    .join(" ")} ${seconds}`;
}

/** What the bridge shows of a folder. */
async function shown(person: Person, name: string): Promise<string[]> {
  const client = await person.imap();
  try {
    await client.mailboxOpen(name, { readOnly: true });
    const lines: string[] = [];
    for await (const { source, flags, internalDate } of client.fetch("1:*", {
      source: true,
      flags: true,
      internalDate: true,
    }))
      lines.push(line(source ?? Buffer.alloc(0), flags ?? [], new Date(internalDate ?? 0).getTime() / 1_000));
    return lines.sort();
  } finally {
    await client.logout();
  }
}

function storedFiles(): number {
  const names = readdirSync(join(ann.home, "mail"), { recursive: true, encoding: "utf8" });
  return names.filter((name) => /\/(cur|new)\/./.test(name)).length;
}

function importArguments(): string[] {
  return ["import", dovecot.url, "--password-file", passwordFile, "--home", ann.home, "--json"];
}

/** Waits until so many more letters lie on the disk. @throws if they do not come in time, or the process ended before */
async function untilMoreFiles(more: number, ended: () => boolean): Promise<void> {
  const wanted = storedFiles() + more;
  const end = performance.now() + 60_000;
  while (storedFiles() < wanted) {
    if (ended()) throw new Error("the import ended");
    if (performance.now() > end) throw new Error("the import stands still");
    await pause(LOOK);
  }
}

test(`${FOLDERS * PER_FOLDER} letters in ${FOLDERS} folders come exactly once though the import is killed ${KILLS} times`, async () => {
  for (let kill = 0; kill < KILLS; kill++) {
    // Half of the time the bridge itself does it, and is killed.
    if (kill % 2 === 1) await ann.start();
    const command = spawnPostern(scratch, importArguments());
    command.stdout?.resume();
    command.stderr?.resume();
    const gone = once(command, "exit");
    await untilMoreFiles(1 + Math.floor(Math.random() * 300), () => command.exitCode !== null);
    if (kill % 2 === 1) await ann.stop("SIGKILL");
    else command.kill("SIGKILL");
    await gone;
  }

  await ann.start();
  // What is there already can be read while the rest arrives.
  let arriving = true;
  const reading = (async () => {
    let [looks, seen] = [0, 0];
    while (arriving) {
      const lines = await shown(ann, "INBOX");
      expect(lines.length).toBeGreaterThanOrEqual(seen);
      for (const one of lines) expect(expected.get("INBOX")).toContain(one);
      [looks, seen] = [looks + 1, lines.length];
    }
    return looks;
  })();
  const [, url = "", ...options] = importArguments();
  const command = (): Promise<ImportResult> =>
    ann.command<ImportResult>("import", url, ...options.slice(0, 2)).catch((error: unknown) => {
      throw new Error(`the bridge's threads:\n${ann.bridge.threads}`, { cause: error });
    });
  const done = await command().finally(() => (arriving = false));
  expect(await reading).toBeGreaterThan(0);
  expect(done).toMatchObject({ done: FOLDERS * PER_FOLDER, failed: 0, tooBig: 0 });
  expect(done.known).toBeGreaterThan(0);
  for (const [name, lines] of expected) expect([name, await shown(ann, name)]).toEqual([name, lines]);

  expect(await command()).toMatchObject({ done: FOLDERS * PER_FOLDER, added: 0, known: FOLDERS * PER_FOLDER });
  console.log(`${done.known} letters came before the last run, ${done.added} in it`);
}, 600_000);

test.each(["mbox", "maildir", "eml"])(
  "exported as %s and imported elsewhere the letters are the same",
  async (format) => {
    const target = join(scratch, format);
    const bob = await Person.create(`bob-${format}`, scratch, relay.url);
    await bob.start();
    try {
      const chosen = [...expected].slice(0, EXPORTED);
      for (const [index, [name]] of chosen.entries()) {
        const exported = await ann.command("export", name, `${target}-${index}`, "--format", format);
        expect(exported).toEqual({ done: PER_FOLDER, total: PER_FOLDER, damaged: 0 });
        const imported = await bob.command("import", `${target}-${index}`, "--folder", name);
        expect(imported).toMatchObject({ done: PER_FOLDER, added: PER_FOLDER, tooBig: 0 });
      }
      // An .eml has no place for flags.
      const without = (lines: readonly string[]): string[] => lines.map((one) => one.replace(/ .* /, " ")).sort();
      for (const [name, lines] of chosen) {
        const found = await shown(bob, name);
        expect([name, format === "eml" ? without(found) : found]).toEqual([
          name,
          format === "eml" ? without(lines) : lines,
        ]);
      }
    } finally {
      await bob.stop();
    }
  },
  600_000,
);
