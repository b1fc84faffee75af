import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { formatLetter } from "../../rig/letters.ts";
import { type InitOutput, PosternServer, postern, posternJson } from "../../rig/postern-process.ts";

interface Told {
  readonly letters: number;
  readonly account?: string;
  readonly setAside?: string;
  readonly findings?: readonly { readonly level: string; readonly what: string }[];
}

let scratch: string;
let home: string;
let made: InitOutput;
let words: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "postern-doctor-"));
  home = join(scratch, "home");
  words = join(scratch, "words");
  made = await posternJson<InitOutput>(
    scratch,
    "init",
    "--home",
    home,
    "--imap",
    "127.0.0.1:0",
    "--smtp",
    "127.0.0.1:0",
  );
  const mbox = join(scratch, "letters.eml");
  writeFileSync(mbox, formatLetter({ From: "a@example.org", Subject: "kept" }, "text\r\n"));
  await command("import", mbox, "--folder", "INBOX");
  writeFileSync(words, (await command<{ words: string }>("paper-key")).words, { mode: 0o600 });
}, 60_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function command<T>(name: string, ...args: string[]): Promise<T> {
  return await posternJson<T>(scratch, name, "--home", home, ...args);
}

const doctor = (...args: string[]) => postern(scratch, "doctor", "--home", home, ...args);
const address = async () => (await postern(scratch, "paper-key", "--home", home, "--json")).stdout;

test("a whole home is told as whole; modes that are too open as a warning; while a bridge runs nothing is looked at", async () => {
  const whole = await doctor("--deep");
  expect([whole.status, whole.stderr]).toEqual([0, ""]);
  expect(whole.stdout).toMatch(/is whole\. 1 letters in 6 mailboxes\.\n$/);
  chmodSync(home, 0o755);
  const open = await doctor();
  expect(open.status).toBe(0);
  expect(open.stdout).toContain(`warning: others may read ${home}; chmod go= ${home}`);
  chmodSync(home, 0o700);
  const server = await PosternServer.start(scratch, "run", "--home", home);
  expect(await doctor()).toMatchObject({ status: 3, stderr: expect.stringContaining("a bridge already runs") });
  await server.stop();
}, 60_000);

test("a letter's file that is missing gives status 9 and is named", async () => {
  const mail = join(home, "mail");
  const [file = ""] = readdirSync(mail, { recursive: true, encoding: "utf8" }).filter((name) => name.includes("/cur/"));
  const octets = readFileSync(join(mail, file));
  rmSync(join(mail, file));
  const { status, stdout } = await doctor();
  expect(status).toBe(9);
  expect(stdout).toMatch(/^error: 1 letters whose file is missing; .*\n {2}missing mail\/\S+ \(INBOX, UID 1\)$/m);
  writeFileSync(join(mail, file), octets, { mode: 0o600 });
  expect((await doctor("--deep")).status).toBe(0);
}, 60_000);

test("--rebuild keeps the account and the certificate, and sets the state.db from before aside", async () => {
  const before = await address();
  const rebuilt = await command<Told>("doctor", "--rebuild");
  expect(rebuilt).toMatchObject({ letters: 1, account: "kept", unreadable: [] });
  expect(existsSync(rebuilt.setAside ?? "")).toBe(true);
  expect(await address()).toBe(before);
  expect(await command<Told>("doctor", "--deep")).toMatchObject({ letters: 1, findings: [] });
  const server = await PosternServer.start(scratch, "run", "--home", home);
  expect(server.ready["vault"]).toBe("open");
  await server.stop();
}, 60_000);

test("a state.db that is damaged: mail is rebuilt, the loss of the identity is told, the 24 words bring the address back", async () => {
  const state = join(home, "state.db");
  const damaged = readFileSync(state).fill(0, 0, 20_000);
  writeFileSync(state, damaged);
  const told = await doctor("--json");
  expect(told.status).toBe(9);
  expect((JSON.parse(told.stdout) as Told).findings).toContainEqual(
    expect.objectContaining({ level: "error", what: "state.db is damaged" }),
  );
  const lost = await doctor("--rebuild");
  expect(lost.status).toBe(9);
  expect(lost.stdout).toMatch(/1 letters in 6 mailboxes[^]*identity is lost/);
  const aside = readdirSync(home).filter((name) => /^state\.db\.replaced-[^-]+-[^-]+-\S+Z$/.test(name));
  expect(aside.some((name) => readFileSync(join(home, name)).equals(damaged))).toBe(true);
  expect((await postern(scratch, "run", "--home", home)).status).toBe(9);

  const others = join(scratch, "others");
  writeFileSync(others, "abandon ".repeat(23) + "art");
  expect(await doctor("--rebuild", "--paper-key-file", others)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("another home's paper key"),
  });
  const restored = await command<Told>("doctor", "--rebuild", "--paper-key-file", words);
  expect(restored).toMatchObject({ letters: 1, account: "restored" });
  expect(JSON.parse(await address())).toMatchObject({ address: made.address });
  const server = await PosternServer.start(scratch, "run", "--home", home);
  expect(server.ready["vault"]).toBe("open");
  await server.stop();
  expect(await command<Told>("doctor", "--deep")).toMatchObject({ letters: 1, findings: [] });
}, 90_000);
