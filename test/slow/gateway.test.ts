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
/** On Dovecot's disk, and here. */
const FOLDERS = [
  ["", "INBOX"],
  [".Work", "Work"],
  [".Bin", "Trash"],
] as const;
const PER_FOLDER = 300;
const KILLS = 4;

let scratch: string;
let dovecot: PrivateDovecot;
let ann: Person;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "postern-gateway-"));
  dovecot = await PrivateDovecot.start({ tls: true });
  for (const [folder, [onDisk]] of FOLDERS.entries())
    dovecot.fill(
      onDisk,
      Array.from({ length: PER_FOLDER }, (_, index) => someLetter(folder, index)),
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

interface Listed {
  readonly accounts: readonly { readonly state: string; readonly letters: { readonly total: number } }[];
}

async function upToDate(): Promise<void> {
  const end = performance.now() + 120_000;
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

/** Subjects of a folder with whether each was read. */
async function contents(client: ImapFlow, folder: string): Promise<string[]> {
  await client.mailboxOpen(folder, { readOnly: true });
  const lines: string[] = [];
  for await (const { envelope, flags } of client.fetch("1:*", { envelope: true, flags: true }))
    lines.push(`${envelope?.subject} ${flags?.has("\\Seen")}`);
  return lines.sort();
}

test("Dovecot's letters come, killed in between, each once and with its flags", async () => {
  const place = ["--imap-host", "127.0.0.1", "--imap-port", String(dovecot.port), "--ca", join(scratch, "ca.pem")];
  const login = ["--user", dovecot.user, "--password-file", join(scratch, "password")];
  await posternJson(scratch, "gateway", "add", ADDRESS, "--home", ann.home, ...place, ...login);
  for (let kill = 0; kill < KILLS; kill++) {
    await pause(100 + 300 * kill);
    await ann.stop("SIGKILL");
    await ann.start();
  }
  await upToDate();
  const here = await ann.imap();
  for (const [folder, [, name]] of FOLDERS.entries())
    expect(await contents(here, name)).toEqual(
      Array.from({ length: PER_FOLDER }, (_, index) => `${folder}/${index} ${index % 2 === 0}`).sort(),
    );
  await here.logout();
}, 300_000);

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
