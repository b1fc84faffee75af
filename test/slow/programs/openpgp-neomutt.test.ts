import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type GatewayKeys, openGatewayKeys } from "../../../bridge/gateway/gateway-keys.ts";
import { Database } from "../../../foundation/database.ts";
import type { Account } from "../../../legacy-gateway/accounts/account.ts";
import { decodePeerState } from "../../../legacy-gateway/openpgp/autocrypt-peer.ts";
import { formatDateTime } from "../../../mime/date.ts";
import { only, textOf } from "../../legacy-gateway/openpgp/some-letters.ts";
import { programPath, runWell } from "./program.ts";
import { Terminal } from "./terminal.ts";

const ANN = "ann@old.example";
const CARL = "carl@old.example";
const NORA = "nora@friend.example";

let home: string;
let ann: GatewayKeys;
let carl: GatewayKeys;
const databases: Database[] = [];
let nora: Terminal;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "postern-autocrypt-"));
  mkdirSync(join(home, "autocrypt"), { mode: 0o700 });
  [ann, carl] = [await somebody(ANN), await somebody(CARL)];
  writeFileSync(join(home, "neomuttrc"), SETTINGS.replaceAll("HOME", home));
  writeFileSync(join(home, "sendmail"), `#!/bin/sh\ncat > ${home}/sent\n`, { mode: 0o755 });
  writeFileSync(join(home, "editor"), '#!/bin/sh\necho "Written with NeoMutt." >>"$1"\n', { mode: 0o755 });
}, 60_000);

afterAll(async () => {
  await nora?.stop();
  for (const db of databases) db.close();
  const folder = join(home, "autocrypt");
  await runWell(programPath("gpgconf", "gnupg"), ["--homedir", folder, "--kill", "all"], { home });
  rmSync(home, { recursive: true, force: true });
});

const SETTINGS = `
set folder="HOME"
set spoolfile="HOME/inbox"
set mbox_type=mbox
set from="${NORA}"
set realname="Nora"
set use_from=yes
set sendmail="HOME/sendmail"
set sendmail_wait=0
set editor="HOME/editor"
set tmpdir="HOME"
unset record
set crypt_use_gpgme=yes
set autocrypt=yes
set autocrypt_dir="HOME/autocrypt"
set fast_reply=yes
set include=no
set mail_check=1
set timeout=1
set quit=yes
set move=no
set wait_key=no
set beep=no
set help=no
set delete=yes
set pager_index_lines=0
`;

async function somebody(address: string): Promise<GatewayKeys> {
  const db = new Database(":memory:");
  databases.push(db);
  const keys = openGatewayKeys({ db, now: Date.now, notify: () => undefined });
  await (await keys.book()).make(address);
  return keys;
}

/** What leaves of a letter of Ann's, with LF, as an mbox has it. */
async function annWrites(subject: string, text: string, ...recipients: string[]): Promise<string> {
  const header =
    `From: Ann <${ANN}>\r\nTo: ${recipients.join(", ")}\r\nSubject: ${subject}\r\nDate: ${formatDateTime(Date.now())}\r\n` +
    `Message-ID: <${subject.replaceAll(" ", ".")}@old.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n`;
  const account = { address: ANN, plain: "refused" } as Account;
  const leaving = { account, recipients, header: Buffer.from(header), body: only(`${text}\r\n`) };
  const written = await ann.write(leaving);
  if (written.kind === "refused") throw new Error(written.why);
  return (await textOf(written.content)).replaceAll("\r\n", "\n");
}

function deliver(letter: string): void {
  appendFileSync(join(home, "inbox"), `From ann@old.example Thu Nov 26 02:00:00 2026\n${letter}\n`);
}

async function reads(keys: GatewayKeys, letter: string) {
  const read = await keys.read({ account: ANN, content: only(letter) });
  return { text: await textOf(read.content), keywords: [...read.keywords].sort() };
}

/** What NeoMutt handed to sendmail. */
function sent(): string {
  const letter = readFileSync(join(home, "sent"), "latin1").replace(/\r?\n/g, "\r\n");
  rmSync(join(home, "sent"));
  return letter;
}

test("NeoMutt learns the key from the Autocrypt field of a plain letter, and answers encrypted by itself; so does Ann", async () => {
  ann.policies.set(NORA, "plain-allowed");
  deliver(await annWrites("The first letter", "Nothing secret.", NORA));
  ann.policies.set(NORA, undefined);
  nora = await Terminal.start(home, programPath("neomutt", "neomutt"), "-n", "-F", join(home, "neomuttrc"));
  for (const [prompt, key] of [
    [/Create an initial autocrypt account\?/, "Enter"],
    [/Autocrypt account address:/, "Enter"],
    [/\(s\)elect existing GPG key\?/, "c"],
    [/Prefer encryption\?/, "y"],
    [/Scan a mailbox for autocrypt headers\?/, "n"],
  ] as const) {
    await nora.untilShown(prompt, 120_000);
    await nora.press(key);
  }
  await nora.untilShown(/The first letter/);
  await nora.press("Enter");
  await nora.untilShown(/Nothing secret\./);
  await nora.press("r");
  await nora.untilShown(/Recommendation: Yes/);
  await nora.press("y");
  await nora.untilShown(/Mail sent/);
  const letter = sent();
  expect(letter).not.toContain("Written with NeoMutt.");
  const { text, keywords } = await reads(ann, letter);
  expect(keywords).toEqual(["$Encrypted", "$Legacy", "$Signed"]);
  expect(text).toContain("Written with NeoMutt.");
  expect(decodePeerState(ann.store.peerState(NORA)).preferEncrypt).toBe("mutual");
  expect(ann.store.bindings(NORA)).toMatchObject([{ origin: "autocrypt", accepted: true }]);
}, 300_000);

test("gossip goes both ways: NeoMutt keeps the key that it was told, and Carl learns Ann's from NeoMutt's answer to all", async () => {
  await (await ann.book()).import(Buffer.from(await (await carl.book()).exportPublic(CARL)));
  deliver(await annWrites("For both of you", "The lamp is lit.", NORA, CARL));
  await nora.press("q");
  await nora.untilShown(/^ +2 .*\.\.\./m);
  await nora.press("2", "Enter", "Enter");
  const screen = await nora.untilShown(/The lamp is lit\./);
  expect(screen).toContain("Good signature");
  const database = new URL(`file://${join(home, "autocrypt", "autocrypt.db")}`);
  const gossip = new Database(database.pathname);
  databases.push(gossip);
  const told = gossip.sqlite.prepare("SELECT gossip_keyid FROM peer WHERE email_addr = ?").pluck().get(CARL);
  expect(String(told).toLowerCase()).toBe((await carl.book()).ownFor(CARL)?.getFingerprint());
  await nora.press("g");
  // Of a key that others passed on it warns, as Autocrypt says; Nora insists.
  await nora.untilShown(/Recommendation: Discouraged/);
  await nora.press("o");
  await nora.untilShown(/\(e\)ncrypt, \(c\)lear/);
  await nora.press("e");
  await nora.untilShown(/Autocrypt: Encrypt/);
  await nora.press("y");
  await nora.untilShown(/Mail sent/);
  const letter = sent();
  const { keywords } = await reads(carl, letter);
  expect(keywords).toEqual(["$Encrypted", "$Legacy", "$Signed"]);
  expect(carl.store.bindings(ANN)).toMatchObject([
    { origin: "gossip", accepted: false, fingerprint: (await ann.book()).ownFor(ANN)?.getFingerprint() },
  ]);
}, 300_000);
