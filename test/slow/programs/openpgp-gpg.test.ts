import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { generateKey, type PrivateKey, type PublicKey, readKey } from "openpgp";
import { Database } from "../../../foundation/database.ts";
import { OpenPgpKeys } from "../../../keyring/openpgp-keys.ts";
import {
  formatSetupMessage,
  makeSetupCode,
  openSetupMessage,
  setupMessageOf,
} from "../../../legacy-gateway/openpgp/autocrypt-setup.ts";
import { parseEntity } from "../../../legacy-gateway/openpgp/entity.ts";
import { KeyBook } from "../../../legacy-gateway/openpgp/key-book.ts";
import { type LetterKeys, readLetter } from "../../../legacy-gateway/openpgp/read-letter.ts";
import { encryptLetter, signLetter } from "../../../legacy-gateway/openpgp/write-letter.ts";
import { programPath, runWell } from "./program.ts";
import { Terminal } from "./terminal.ts";

let home: string;
let gnupg: PublicKey;
let own: PrivateKey;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "postern-openpgp-"));
  mkdirSync(join(home, "gnupg"), { mode: 0o700 });
  // Else gpg-agent measures how slow it can make a passphrase.
  writeFileSync(join(home, "gnupg", "gpg-agent.conf"), "s2k-count 65536\n");
  await gpg("--quick-gen-key", "Gregor <gregor@example.org>", "future-default", "default", "never");
  gnupg = await readKey({ armoredKey: await gpg("--armor", "--export", "gregor@example.org") });
  const made = await generateKey({
    userIDs: { name: "Olga", email: "olga@example.org" },
    type: "ecc",
    curve: "curve25519Legacy",
    format: "object",
    date: new Date(Date.now() - 60_000),
  });
  own = made.privateKey;
  writeFileSync(join(home, "olga.asc"), made.publicKey.armor());
  await gpg("--import", join(home, "olga.asc"));
}, 60_000);

afterAll(async () => {
  await runWell(programPath("gpgconf", "gnupg"), ["--homedir", join(home, "gnupg"), "--kill", "all"], { home });
  rmSync(home, { recursive: true, force: true });
});

async function gpg(...args: string[]): Promise<string> {
  const quiet = ["--homedir", join(home, "gnupg"), "--batch", "--yes", "--quiet", "--trust-model", "always"];
  const all = [...quiet, "--pinentry-mode", "loopback", "--passphrase", "", ...args];
  return (await runWell(programPath("gpg", "gnupg"), all, { home })).toString("latin1");
}

function keys(): LetterKeys {
  return {
    own: [own],
    withKeyId: async (ids) =>
      [gnupg, own.toPublic()].filter((key) => key.getKeys().some((part) => ids.includes(part.getKeyID().toHex()))),
    belongsTo: (fingerprint, address) =>
      (fingerprint === gnupg.getFingerprint() && address === "gregor@example.org") ||
      (fingerprint === own.getFingerprint() && address === "olga@example.org"),
  };
}

async function read(letter: string) {
  const { content, keywords, verdict } = await readLetter(only(letter), { keys: keys(), now: Date.now() + 60_000 });
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return { text: Buffer.concat(chunks).toString("latin1"), keywords, verdict };
}

async function* only(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, "latin1");
}

const LETTER = [
  "From: Olga <olga@example.org>",
  "To: gregor@example.org",
  "Subject: The cellar door",
  "Message-ID: <1@example.org>",
  "Date: Wed, 25 Nov 2026 12:00:00 +0000",
  "MIME-Version: 1.0",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: 7bit",
  "",
  "It is open at nine.",
  "",
].join("\r\n");

test("gpg decrypts what we encrypt, and finds our signature good", async () => {
  const letter = (await encryptLetter(Buffer.from(LETTER), { own, recipients: [gnupg], now: Date.now() })).toString(
    "latin1",
  );
  expect(letter).not.toContain("cellar");
  expect(letter).toContain("Subject: [...]\r\n");
  const armored = /-----BEGIN PGP MESSAGE-----[\s\S]*-----END PGP MESSAGE-----/.exec(letter)?.[0] ?? "";
  writeFileSync(join(home, "message.asc"), armored);
  const plain = await gpg("--decrypt", "--status-file", join(home, "status"), join(home, "message.asc"));
  expect(plain).toContain("Subject: The cellar door\r\n");
  expect(plain).toContain('hp="cipher"');
  expect(plain).toContain("It is open at nine.");
  const status = (await runWell("/bin/cat", [join(home, "status")], { home })).toString();
  expect(status).toContain("DECRYPTION_OKAY");
  expect(status).toContain("GOODMDC");
  expect(status).toMatch(/VALIDSIG/);
}, 60_000);

test("gpg verifies what we sign", async () => {
  const letter = (await signLetter(Buffer.from(LETTER), { own, now: Date.now() }))?.toString("latin1") ?? "";
  const boundary = /boundary="([^"]+)"/.exec(letter)?.[1] ?? "";
  const [, signed = "", rest = ""] = letter.split(new RegExp(`(?:^|\\r\\n)--${boundary}(?:--)?\\r\\n`));
  writeFileSync(join(home, "signed"), signed, "latin1");
  writeFileSync(join(home, "signature"), rest.slice(rest.indexOf("\r\n\r\n") + 4), "latin1");
  await gpg("--verify", join(home, "signature"), join(home, "signed"));
  const { keywords } = await read(letter);
  expect(keywords).toEqual(["$Legacy", "$Plaintext", "$Signed"]);
}, 60_000);

test("a letter that gpg encrypted and signed, with a hidden subject as mutt writes it, is read with the right verdict", async () => {
  const payload = [
    'Content-Type: text/plain; charset=utf-8; protected-headers="v1"',
    "Subject: From the other side",
    "",
    "Bring a lamp.",
    "",
  ].join("\r\n");
  writeFileSync(join(home, "payload"), payload);
  const armored = await gpg("--armor", "-se", "-r", "olga@example.org", "-o", "-", join(home, "payload"));
  const { text, keywords, verdict } = await read(encrypted(armored));
  expect(verdict).toMatchObject({ encryption: "opened", signature: { result: "good" } });
  expect(keywords).toEqual(["$Legacy", "$Encrypted", "$Signed"]);
  expect(text).toContain("Subject: From the other side\r\n");
  expect(text).not.toContain("Subject: ...\r\n");
  expect(text).toContain("Bring a lamp.");
}, 60_000);

test("a PGP/MIME signature by gpg is good, and bad once the text is another", async () => {
  const part = "Content-Type: text/plain; charset=utf-8\r\n\r\nSigned by gpg.\r\n";
  writeFileSync(join(home, "part"), part);
  const signature = await gpg("--armor", "--detach-sign", "-o", "-", join(home, "part"));
  const letter = [
    "From: gregor@example.org\r\nTo: olga@example.org\r\nSubject: signed\r\nMIME-Version: 1.0",
    'Content-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="sig"',
    "",
    `--sig\r\n${part}\r\n--sig\r\nContent-Type: application/pgp-signature; name="signature.asc"\r\n`,
    `${signature.replace(/\r?\n/g, "\r\n")}\r\n--sig--\r\n`,
  ].join("\r\n");
  expect((await read(letter)).keywords).toEqual(["$Legacy", "$Plaintext", "$Signed"]);
  const changed = await read(letter.replace("Signed by", "Forged by"));
  expect(changed.verdict.signature).toEqual({ result: "bad" });
  expect(changed.keywords).toEqual(["$Legacy", "$Plaintext"]);
}, 60_000);

test("what gpg encrypts without integrity protection is refused, and nothing of it is shown", async () => {
  writeFileSync(join(home, "payload"), "Content-Type: text/plain\r\n\r\nneedle\r\n");
  const armored = await gpg(
    "--armor",
    "--rfc2440",
    "--disable-mdc",
    "-e",
    "-r",
    "olga@example.org",
    "-o",
    "-",
    join(home, "payload"),
  );
  const { text, keywords, verdict } = await read(encrypted(armored));
  if (verdict.encryption === "opened") throw new Error("gpg protected the message's integrity all the same");
  expect(verdict.encryption).toBe("no-integrity");
  expect(keywords).toEqual(["$Legacy"]);
  expect(text).not.toContain("needle");
}, 60_000);

test("inline letters by gpg are read, both kinds", async () => {
  writeFileSync(join(home, "text"), "An old habit.\nWith \u00e4 in it.\n");
  const head = "From: gregor@example.org\r\nTo: olga@example.org\r\nSubject: inline\r\n";
  const armored = (await gpg("--armor", "-se", "-r", "olga@example.org", "-o", "-", join(home, "text"))).replace(
    /\r?\n/g,
    "\r\n",
  );
  const opened = await read(`${head}\r\n${armored}`);
  expect(opened.keywords).toEqual(["$Legacy", "$Encrypted", "$Signed"]);
  expect(opened.text).toContain(Buffer.from("An old habit.").toString("base64").slice(0, 16));
  const clear = await gpg("--clearsign", "-o", "-", join(home, "text"));
  const signed = await read(
    `${head}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${clear.replace(/\r?\n/g, "\r\n")}`,
  );
  expect(signed.verdict.signature.result).toBe("good");
  expect(signed.keywords).toEqual(["$Legacy", "$Plaintext", "$Signed"]);
}, 60_000);

test("a letter that mutt encrypts and signs, its subject hidden, is read with the right verdict", async () => {
  const sent = join(home, "sent");
  const sendmail = join(home, "sendmail");
  writeFileSync(sendmail, `#!/bin/sh\ncat > ${sent}\n`, { mode: 0o755 });
  writeFileSync(
    join(home, "muttrc"),
    [
      `set sendmail = "${sendmail}"`,
      'set from = "gregor@example.org"',
      'set realname = "Gregor"',
      "set use_from = yes",
      "set crypt_use_gpgme = yes",
      "set crypt_autoencrypt = yes",
      "set crypt_autosign = yes",
      "set crypt_protected_headers_write = yes",
      'set crypt_protected_headers_subject = "..."',
      `set pgp_sign_as = 0x${gnupg.getFingerprint().toUpperCase()}`,
      "set pgp_self_encrypt = no",
      "unset record",
      `set editor = "${join(home, "editor")}"`,
      "set autoedit = yes",
      "set sendmail_wait = 0",
      `set folder = "${home}"`,
      `set tmpdir = "${home}"`,
    ].join("\n"),
  );
  writeFileSync(join(home, "editor"), '#!/bin/sh\necho "Written with mutt." >>"$1"\n', { mode: 0o700 });
  const arguments_ = ["-n", "-F", join(home, "muttrc"), "-s", "The hidden subject", "olga@example.org"];
  const terminal = await Terminal.start(
    home,
    "/usr/bin/env",
    `GNUPGHOME=${join(home, "gnupg")}`,
    programPath("mutt", "mutt"),
    ...arguments_,
  );
  try {
    for (const prompt of [/^To:/m, /^Subject:/m]) {
      await terminal.untilShown(prompt);
      await terminal.press("Enter");
    }
    await terminal.untilShown(/y:Send/);
    await terminal.press("y");
    // Nobody vouches for her key.
    await terminal.untilShown(/PGP keys matching/);
    await terminal.press("Enter");
    await terminal.untilShown(/really want to use the key/);
    await terminal.press("y");
    await terminal.untilEnded();
  } finally {
    await terminal.stop();
  }
  const letter = readFileSync(sent, "latin1").replace(/\r?\n/g, "\r\n");
  expect(letter).not.toContain("hidden subject");
  const { text, keywords } = await read(letter);
  expect(keywords).toEqual(["$Legacy", "$Encrypted", "$Signed"]);
  expect(text).toContain("Subject: The hidden subject\r\n");
  expect(text).toContain("Written with mutt.");
}, 60_000);

test("mutt opens what we encrypt, shows the hidden subject and finds our signature good", async () => {
  const letter = await encryptLetter(Buffer.from(LETTER), { own, recipients: [gnupg], now: Date.now() });
  const mbox = join(home, "mbox");
  writeFileSync(
    mbox,
    `From olga@example.org Thu Nov 26 02:00:00 2026\n${letter.toString("latin1").replaceAll("\r\n", "\n")}\n`,
  );
  const rc = join(home, "muttrc-reading");
  const settings = [
    "crypt_use_gpgme=yes",
    "crypt_protected_headers_read=yes",
    "wait_key=no",
    "quit=yes",
    `folder="${home}"`,
    `tmpdir="${home}"`,
  ];
  writeFileSync(rc, settings.map((one) => `set ${one}\n`).join(""));
  const environment = `GNUPGHOME=${join(home, "gnupg")}`;
  const mutt = [programPath("mutt", "mutt"), "-n", "-F", rc, "-R", "-f", mbox];
  const terminal = await Terminal.start(home, "/usr/bin/env", environment, ...mutt);
  try {
    await terminal.untilShown(/\[\.\.\.\]/);
    await terminal.press("Enter");
    const screen = await terminal.untilShown(/It is open at nine\./);
    expect(screen).toMatch(/Good signature from: +Olga <olga@example\.org>/);
    expect(screen).toMatch(/^Subject: The cellar door$/m);
    await terminal.press("q", "q");
    await terminal.untilEnded();
  } finally {
    await terminal.stop();
  }
}, 60_000);

test("gpg opens our Autocrypt setup message with its code and takes the key; ours takes what gpg sealed", async () => {
  const code = makeSetupCode();
  const letter = await formatSetupMessage(own, code, "mutual");
  const sealed = await setupMessageOf(parseEntity(Buffer.from(letter)));
  writeFileSync(join(home, "setup.asc"), sealed ?? "");
  const symmetric = ["--homedir", join(home, "gnupg"), "--batch", "--yes", "--pinentry-mode", "loopback"];
  const byCode = async (...args: string[]) =>
    await runWell(programPath("gpg", "gnupg"), [...symmetric, "--passphrase", code, ...args], { home });
  const inside = (await byCode("--decrypt", join(home, "setup.asc"))).toString("latin1");
  expect(inside).toMatch(/^-----BEGIN PGP PRIVATE KEY BLOCK-----\r?\nAutocrypt-Prefer-Encrypt: mutual/);
  writeFileSync(join(home, "inside.asc"), inside);
  await gpg("--import", join(home, "inside.asc"));
  expect(await gpg("--list-secret-keys", "olga@example.org")).toContain(own.getFingerprint().toUpperCase());
  const again = await byCode("--armor", "--symmetric", "--cipher-algo", "AES128", "-o", "-", join(home, "inside.asc"));
  const { key, preferEncrypt } = await openSetupMessage(again.toString("latin1"), code.replaceAll("-", ""));
  expect([key.getFingerprint(), preferEncrypt]).toEqual([own.getFingerprint(), "mutual"]);
}, 60_000);

test("SHA-1 by gpg signs nothing", async () => {
  writeFileSync(join(home, "text"), "Old habits.\n");
  const clear = await gpg(
    "--allow-weak-digest-algos",
    "--digest-algo",
    "SHA1",
    "--clearsign",
    "-o",
    "-",
    join(home, "text"),
  );
  const { verdict } = await read(
    `From: gregor@example.org\r\nContent-Type: text/plain\r\n\r\n${clear.replace(/\r?\n/g, "\r\n")}`,
  );
  expect(verdict.signature).toEqual({ result: "worthless", reason: "weak" });
}, 60_000);

test("a secret key that gpg exports under a passphrase is imported with it, and a whole keyring without one", async () => {
  const locked = [
    "--homedir",
    join(home, "gnupg"),
    "--batch",
    "--quiet",
    "--pinentry-mode",
    "loopback",
    "--passphrase",
    "swordfish",
  ];
  const run = async (...args: string[]) => await runWell(programPath("gpg", "gnupg"), [...locked, ...args], { home });
  await run("--quick-gen-key", "Sven <sven@example.org>", "future-default", "default", "never");
  const secret = await run("--export-secret-keys", "sven@example.org");
  const db = new Database(":memory:");
  const now = () => Date.now() + 1_000;
  const book = await KeyBook.open({ store: new OpenPgpKeys(db, { now }), now, notify: () => undefined });
  await expect(book.import(secret, "wrong")).rejects.toMatchObject({ code: "forbidden" });
  expect(await book.import(secret, "swordfish")).toMatchObject([{ addresses: ["sven@example.org"], secret: true }]);
  const everybody = await book.import(await run("--export"));
  expect(new Set(everybody.map(({ addresses }) => addresses[0]))).toEqual(
    new Set(["gregor@example.org", "olga@example.org", "sven@example.org"]),
  );
  expect(await book.keyFor("gregor@example.org")).toMatchObject({ kind: "key", binding: { origin: "import" } });
  writeFileSync(join(home, "exported.asc"), await book.exportSecret("sven@example.org", "another"));
  await gpg("--import", join(home, "exported.asc"));
  db.close();
}, 60_000);

function encrypted(armored: string): string {
  return [
    "From: Gregor <gregor@example.org>\r\nTo: olga@example.org\r\nSubject: ...\r\nMessage-ID: <2@example.org>\r\nMIME-Version: 1.0",
    'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="enc"',
    "",
    "--enc\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n",
    `--enc\r\nContent-Type: application/octet-stream\r\n\r\n${armored.replace(/\r?\n/g, "\r\n")}\r\n--enc--\r\n`,
  ].join("\r\n");
}
