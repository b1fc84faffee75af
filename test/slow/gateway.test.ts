import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ImapFlow } from "imapflow";
import { formatLetter } from "../../rig/letters.ts";
import { Person } from "../../rig/person.ts";
import { posternJson } from "../../rig/postern-process.ts";
import { type FiledLetter, PrivateDovecot } from "../../rig/private-dovecot.ts";

const ADDRESS = "ann@old.example";
/** On Dovecot's disk, and here, with how many of a hundred letters lie there. */
const FOLDERS = [
  ["", "INBOX", 60],
  [".Work", "Work", 20],
  [".Bin", "Trash", 20],
] as const;
const THOROUGH = process.env["THOROUGH"] === "1";
const LETTERS = THOROUGH ? 5_000 : 500;
const KILLS = THOROUGH ? 50 : 5;
const SEED = "2026-11-26";
/** Milliseconds for all of the kills; each costs a start. */
const PATIENCE = THOROUGH ? 2_400_000 : 600_000;

let scratch: string;
let dovecot: PrivateDovecot;
let ann: Person;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "postern-gateway-"));
  dovecot = await PrivateDovecot.start({ tls: true });
  for (const [folder, [onDisk]] of FOLDERS.entries())
    dovecot.fill(
      onDisk,
      Array.from({ length: lettersOf(folder) }, (_, index) => someLetter(folder, index)),
    );
  writeFileSync(join(scratch, "password"), `${dovecot.password}\n`);
  writeFileSync(join(scratch, "ca.pem"), dovecot.certificate);
  ann = await Person.create("ann", scratch);
  await ann.start();
}, 120_000);

afterAll(async () => {
  await ann?.stop();
  await dovecot?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

function someLetter(folder: number, index: number): FiledLetter {
  const subject = `${folder}/${index}`;
  const header = { From: "bob@friend.example", Subject: subject, "Message-ID": `<${folder}.${index}@friend.example>` };
  const body = `${"From the start. ".repeat(index % 50)}\r\n`;
  return { content: formatLetter(header, body), letters: index % 2 === 0 ? "S" : "", date: 1_500_000_000 + index };
}

function lettersOf(folder: number): number {
  return (LETTERS * (FOLDERS[folder]?.[2] ?? 0)) / 100;
}

/** From 0 to 1, the same in every run. */
function chance(...of: readonly (string | number)[]): number {
  return (
    createHash("sha256")
      .update([SEED, ...of].join(" "))
      .digest()
      .readUInt32BE() /
    2 ** 32
  );
}

async function lettersHere(client: ImapFlow): Promise<number> {
  let letters = 0;
  for (const [, name] of FOLDERS) {
    const status = await client.status(name, { messages: true });
    if (status !== false) letters += status.messages ?? 0;
  }
  return letters;
}

interface Listed {
  readonly accounts: readonly { readonly state: string; readonly letters: { readonly total: number } }[];
}

async function upToDate(): Promise<void> {
  const end = performance.now() + (THOROUGH ? 400_000 : 120_000);
  for (;;) {
    const { accounts } = await posternJson<Listed>(scratch, "gateway", "list", "--home", ann.home);
    if (accounts[0]?.state === "watching") return;
    if (performance.now() > end) throw new Error(`never up to date: ${JSON.stringify(accounts)}`);
    await pause(100);
  }
}

async function provider(): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: "127.0.0.1",
    port: dovecot.port,
    secure: true,
    auth: { user: dovecot.user, pass: dovecot.password },
    tls: { ca: dovecot.certificate },
    logger: false,
  });
  await client.connect();
  return client;
}

/** Subjects of a folder with what each letter's flags say. */
async function contents(client: ImapFlow, folder: string): Promise<string[]> {
  await client.mailboxOpen(folder, { readOnly: true });
  const lines: string[] = [];
  for await (const { envelope, flags } of client.fetch("1:*", { envelope: true, flags: true }))
    lines.push(contentLine(envelope?.subject ?? "", flags?.has("\\Seen"), flags?.has("\\Flagged")));
  return lines.sort();
}

function contentLine(subject: string, seen = false, flagged = false): string {
  return `${subject} ${seen}${flagged ? " flagged" : ""}`;
}

test(
  "Dovecot's letters come, killed at random all the while, each once and with its flags",
  async () => {
    const place = ["--imap-host", "127.0.0.1", "--imap-port", String(dovecot.port), "--ca", join(scratch, "ca.pem")];
    const login = ["--user", dovecot.user, "--password-file", join(scratch, "password")];
    await posternJson(scratch, "gateway", "add", ADDRESS, "--home", ann.home, ...place, ...login);
    const there = await provider();
    await there.mailboxOpen("INBOX");
    const flagged = new Set<number>();
    const deaths = Array.from({ length: KILLS }, (_, kill) => Math.floor(LETTERS * chance("death", kill)));
    for (const [kill, letters] of deaths.sort((a, b) => a - b).entries()) {
      const here = await ann.imap();
      while ((await lettersHere(here)) < letters) await pause(5);
      // What changes at the provider meanwhile comes too, whether the letter itself is here or not.
      const index = Math.floor(lettersOf(0) * chance("flag", kill));
      await there.messageFlagsAdd(String(index + 1), ["\\Flagged"]);
      flagged.add(index);
      await pause(100 * chance("pause", kill));
      here.close();
      await ann.stop("SIGKILL");
      await ann.start();
    }
    await upToDate();
    const here = await ann.imap();
    for (const [folder, [, name]] of FOLDERS.entries())
      expect(await contents(here, name)).toEqual(
        Array.from({ length: lettersOf(folder) }, (_, index) =>
          contentLine(`${folder}/${index}`, index % 2 === 0, folder === 0 && flagged.has(index)),
        ).sort(),
      );
    await here.logout();
    await there.logout();
  },
  PATIENCE,
);

test("flags, moves and removals go both ways, and Dovecot's new letter wakes a mail program in IDLE", async () => {
  await upToDate();
  const [here, there] = [await ann.imap(), await provider()];
  await here.mailboxOpen("INBOX");
  const arrived = new Promise((resolve) => here.once("exists", resolve));
  const idling = here.idle();
  await there.append("INBOX", formatLetter({ Subject: "new", "Message-ID": "<new@friend.example>" }, "Hello.\r\n"));
  await arrived;
  await here.noop();
  await idling;
  const uids = new Map<string, string>();
  for await (const { uid, envelope } of here.fetch("1:*", { uid: true, envelope: true }))
    uids.set(envelope?.subject ?? "", String(uid));
  const uidOf = (subject: string): string => uids.get(subject) ?? "0";
  await here.messageFlagsAdd(uidOf("0/11"), ["\\Seen"], { uid: true });
  await here.messageMove(uidOf("0/12"), "Trash", { uid: true });
  await here.messageDelete(uidOf("0/13"), { uid: true });
  const end = performance.now() + 60_000;
  let told = false;
  while (!told && performance.now() < end) {
    const [inbox, bin] = [await contents(there, "INBOX"), await contents(there, "Bin")];
    told =
      inbox.includes("0/11 true") &&
      !inbox.some((line) => /^0\/1[23] /.test(line)) &&
      bin.some((line) => line.startsWith("0/12 "));
    await pause(50);
  }
  expect(told).toBe(true);
  await here.logout();
  await there.logout();
}, 150_000);
