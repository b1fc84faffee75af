import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { encryptKey, readKey, readPrivateKey } from "openpgp";
import { type GatewayKeys, openGatewayKeys } from "../../../bridge/gateway/gateway-keys.ts";
import { gatewayKeyOperations } from "../../../bridge/operations/gateway-key-operations.ts";
import { systemClock } from "../../../foundation/clock.ts";
import { Database } from "../../../foundation/database.ts";
import { silentLogger } from "../../../foundation/logger.ts";
import { LegacyGateway } from "../../../legacy-gateway/gateway.ts";
import { encryptLetter } from "../../../legacy-gateway/openpgp/write-letter.ts";
import { someKey } from "../../legacy-gateway/openpgp/some-keys.ts";
import { PASSWORD, SomeProvider } from "../../legacy-gateway/some-provider.ts";
import { append, box, flagsOf, read, TestHome } from "../../maildir/home.ts";

let directory: string;
let db: Database;
let keys: GatewayKeys;
let operations: ReturnType<typeof gatewayKeyOperations>;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "postern-gateway-keys-"));
  db = new Database(join(directory, "state.db"));
  keys = openGatewayKeys({ db, now: Date.now, notify: () => undefined });
  operations = gatewayKeyOperations(() => keys);
});
afterEach(() => {
  db.close();
  rmSync(directory, { recursive: true, force: true });
});

function file(content: string | Uint8Array): string {
  const path = join(directory, "keys");
  writeFileSync(path, content);
  return path;
}

test("a key is made, listed and exported; the secret part leaves under a passphrase alone", async () => {
  const { fingerprint } = await operations.gatewayKeyMake({ address: "Ann@example.org", name: "Ann" });
  await expect(operations.gatewayKeyMake({ address: "ann@example.org" })).rejects.toMatchObject({
    code: "already-exists",
  });
  await expect(operations.gatewayKeyMake({ address: "no address" })).rejects.toMatchObject({ code: "invalid" });
  expect(await operations.gatewayKeyList()).toMatchObject({
    keys: [{ address: "ann@example.org", fingerprint, origin: "own", accepted: true, fitness: "fit" }],
  });
  const { armored } = await operations.gatewayKeyExport({ address: "ann@example.org" });
  const key = await readKey({ armoredKey: armored });
  expect(key.isPrivate()).toBe(false);
  expect(key.getFingerprint()).toBe(fingerprint);
  await expect(operations.gatewayKeyExport({ address: "ann@example.org", secret: true })).rejects.toMatchObject({
    code: "invalid",
  });
  const secret = await operations.gatewayKeyExport({
    address: "ann@example.org",
    secret: true,
    passphrase: "swordfish",
  });
  expect((await readPrivateKey({ armoredKey: secret.armored })).isDecrypted()).toBe(false);
});

test("what was exported is imported elsewhere, after a restart it is there still", async () => {
  const own = await encryptKey({ privateKey: await someKey("ann@example.org"), passphrase: "swordfish" });
  const path = file(own.armor());
  await expect(operations.gatewayKeyImport({ path, passphrase: "wrong" })).rejects.toMatchObject({ code: "forbidden" });
  const { imported } = await operations.gatewayKeyImport({ path, passphrase: "swordfish" });
  expect(imported).toEqual([{ fingerprint: own.getFingerprint(), addresses: ["ann@example.org"], secret: true }]);
  keys = openGatewayKeys({ db, now: Date.now, notify: () => undefined });
  expect((await keys.book()).ownFor("ann@example.org")?.getFingerprint()).toBe(own.getFingerprint());
  await expect(operations.gatewayKeyImport({ path: join(directory, "missing") })).rejects.toMatchObject({
    code: "nonexistent",
  });
});

test("an Autocrypt setup message brings the key to another installation, with its code alone", async () => {
  const { fingerprint } = await operations.gatewayKeyMake({ address: "ann@example.org" });
  await operations.gatewayKeyPrefer({ address: "ann@example.org", preferEncrypt: "nopreference" });
  const { letter, code } = await operations.gatewaySetupMessage({ address: "ann@example.org" });
  expect(code).toMatch(/^(?:\d{4}-){8}\d{4}$/);
  expect(letter).toContain(`Passphrase-Begin: ${code.slice(0, 2)}\r\n`);
  expect(letter).not.toContain(code.slice(5));
  const other = openGatewayKeys({ db: new Database(":memory:"), now: Date.now, notify: () => undefined });
  const there = gatewayKeyOperations(() => other);
  const path = file(letter);
  await expect(there.gatewayKeyImport({ path, setupCode: "0000-".repeat(8) + "0000" })).rejects.toMatchObject({
    code: "forbidden",
  });
  const { imported } = await there.gatewayKeyImport({ path, setupCode: code.replaceAll("-", " ") });
  expect(imported).toMatchObject([{ fingerprint, addresses: ["ann@example.org"], secret: true }]);
  expect((await there.gatewayKeyPrefer({ address: "ann@example.org" })).preferEncrypt).toBe("nopreference");
});

test("what an address prefers is kept, and nothing is changed that was not named", async () => {
  const address = "Ann@example.org";
  const asked = { address: "ann@example.org", preferEncrypt: "mutual", signPlain: false };
  expect(await operations.gatewayKeyPrefer({ address })).toEqual(asked);
  await operations.gatewayKeyPrefer({ address, signPlain: true });
  await operations.gatewayKeyPrefer({ address, preferEncrypt: "nopreference" });
  await expect(operations.gatewayKeyPrefer({ address, preferEncrypt: "always" })).rejects.toMatchObject({
    code: "invalid",
  });
  keys = openGatewayKeys({ db, now: Date.now, notify: () => undefined });
  expect(await operations.gatewayKeyPrefer({ address })).toEqual({
    address: "ann@example.org",
    preferEncrypt: "nopreference",
    signPlain: true,
  });
});

test("a letter that the gateway fetches is stored opened, and its original comes along", async () => {
  const provider = await SomeProvider.start();
  const home = new TestHome();
  const mail = await home.open();
  const own = openGatewayKeys({ db: home.db, now: Date.now, notify: () => undefined });
  await (await own.book()).make("ann@old.example");
  const bob = await someKey("bob@old.example");
  await (await own.book()).learn(bob.toPublic(), "bob@old.example", "import");
  const gateway = new LegacyGateway({
    db: home.db,
    mail,
    clock: systemClock,
    logger: silentLogger,
    notify: () => undefined,
    report: async (_report, settle) => settle(),
    read: own.read,
  });
  try {
    const plain = Buffer.from(
      "From: bob@old.example\r\nTo: ann@old.example\r\nSubject: the hidden subject\r\nMessage-ID: <1@old.example>\r\n" +
        "Date: Wed, 25 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nunmistakable words\r\n",
    );
    const recipients = (await own.book()).own.map((key) => key.toPublic());
    const sealed = await encryptLetter(plain, { own: bob, recipients, now: Date.now() });
    expect(sealed.includes("hidden subject")).toBe(false);
    await append(box(provider.mail, "INBOX"), sealed.toString("latin1"));
    gateway.start();
    await gateway.add(provider.settings, PASSWORD);
    const inbox = box(mail, "INBOX");
    const end = performance.now() + 20_000;
    while (inbox.uids().length === 0 && performance.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 10));
    const [uid = 0] = inbox.uids();
    const text = (await read(inbox, uid)).toString("latin1");
    expect(text).toMatch(/^Authentication-Results: postern\.alt; x-openpgp=pass /);
    expect(text).toContain("x-postern=none (it came by e-mail) policy.road=legacy");
    expect(text).toContain("\r\nSubject: the hidden subject\r\n");
    expect(text).toContain("unmistakable words");
    const original = /encrypted-original\.eml"\r\n[\s\S]*?base64\r\n\r\n([\s\S]*?)\r\n--postern/.exec(text)?.[1] ?? "";
    expect(Buffer.from(original, "base64").equals(sealed)).toBe(true);
    expect(flagsOf(inbox, uid)?.toSorted()).toEqual(["$Encrypted", "$Legacy", "$Signed"]);
    expect((await read(box(provider.mail, "INBOX"), 1)).equals(sealed)).toBe(true);
  } finally {
    await gateway.close();
    await mail.close();
    home.remove();
    await provider.stop();
  }
});
