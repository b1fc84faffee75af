import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { encryptKey, enums, type PrivateKey, readKey, revokeKey } from "openpgp";
import { Database } from "../../../foundation/database.ts";
import { OpenPgpKeys } from "../../../keyring/openpgp-keys.ts";
import { formatAutocrypt } from "../../../legacy-gateway/openpgp/autocrypt-header.ts";
import { decodePeerState } from "../../../legacy-gateway/openpgp/autocrypt-peer.ts";
import { createOpenPgpReader } from "../../../legacy-gateway/openpgp/incoming-reader.ts";
import { KeyBook } from "../../../legacy-gateway/openpgp/key-book.ts";
import { KeyCollector } from "../../../legacy-gateway/openpgp/key-collector.ts";
import { minimalCertificate } from "../../../legacy-gateway/openpgp/key-material.ts";
import type { KeyNotice } from "../../../legacy-gateway/openpgp/key-notices.ts";
import { encryptLetter, signLetter } from "../../../legacy-gateway/openpgp/write-letter.ts";
import { DAY, NOW, someKey } from "./some-keys.ts";
import { FROM, only, textOf } from "./some-letters.ts";

const ALICE = "alice@example.org";
const BOB = "bob@example.org";

let db: Database;
let store: OpenPgpKeys;
let book: KeyBook;
let notices: KeyNotice[];
let now: number;
let read: ReturnType<typeof createOpenPgpReader>;

beforeEach(async () => {
  db = new Database(":memory:");
  now = NOW;
  notices = [];
  const clock = () => now;
  store = new OpenPgpKeys(db, { now: clock });
  book = await KeyBook.open({ store, now: clock, notify: (notice) => notices.push(notice) });
  const collector = new KeyCollector({ book, store, now: clock });
  read = createOpenPgpReader({
    book,
    collector,
    now: clock,
    next: async ({ content }) => ({ content, keywords: ["$Legacy"] }),
  });
});
afterEach(() => db.close());

async function autocrypt(key: PrivateKey, address = BOB): Promise<string> {
  const keydata = await minimalCertificate(key, address, NOW);
  return formatAutocrypt("Autocrypt", { address, preferEncrypt: "mutual", keydata }) ?? "";
}

async function arrive(letter: string) {
  const { content, keywords } = await read({ account: ALICE, content: only(letter) });
  return { text: await textOf(content), keywords };
}

const PLAIN = `${FROM}Date: Wed, 25 Nov 2026 11:00:00 +0000\r\nContent-Type: text/plain\r\n\r\nhello\r\n`;

async function signedBy(key: PrivateKey, header: string): Promise<string> {
  return (await signLetter(Buffer.from(header + PLAIN), { own: key, now: NOW }))?.toString("latin1") ?? "";
}

test("the key in a letter's Autocrypt field checks that letter already, and the answer can be encrypted", async () => {
  const bob = await someKey(BOB);
  const { keywords, text } = await arrive(await signedBy(bob, await autocrypt(bob)));
  expect(keywords).toEqual(["$Legacy", "$Plaintext", "$Signed"]);
  expect(text).toMatch(/^Authentication-Results: postern\.alt; x-openpgp=pass /);
  expect(await book.keyFor("Bob@Example.org")).toMatchObject({
    kind: "key",
    binding: { origin: "autocrypt", accepted: true },
  });
  expect(decodePeerState(store.peerState(BOB))).toMatchObject({
    publicKey: bob.getFingerprint(),
    preferEncrypt: "mutual",
    autocryptTimestamp: NOW - 3_600_000,
  });
  expect(notices).toEqual([]);
});

test("another key is told, and neither used nor believed until the user says that it is right", async () => {
  const [first, second] = [await someKey(BOB), await someKey(BOB)];
  await arrive(await signedBy(first, await autocrypt(first)));
  const { keywords } = await arrive(await signedBy(second, await autocrypt(second)));
  expect(keywords).toEqual(["$Legacy", "$Plaintext"]);
  expect(notices).toHaveLength(1);
  expect(notices[0]?.text).toContain(`postern gateway key accept ${BOB} ${second.getFingerprint().toUpperCase()}`);
  expect(await book.keyFor(BOB)).toMatchObject({ binding: { fingerprint: first.getFingerprint() } });
  await arrive(await signedBy(second, await autocrypt(second)));
  expect(notices).toHaveLength(1);

  expect(store.accept(BOB, second.getFingerprint())).toBe(true);
  expect(await book.keyFor(BOB)).toMatchObject({ binding: { fingerprint: second.getFingerprint() } });
  expect((await arrive(await signedBy(second, ""))).keywords).toContain("$Signed");
  expect((await arrive(await signedBy(first, ""))).keywords).not.toContain("$Signed");
  expect(store.history(BOB).map(({ event }) => event)).toEqual(["first", "another", "accepted"]);
});

test("a key for an own address that comes in a letter is left alone", async () => {
  await book.make(ALICE);
  const forged = await someKey(ALICE);
  await arrive((await autocrypt(forged, ALICE)) + PLAIN.replaceAll("bob@", "alice@"));
  expect(store.bindings(ALICE)).toHaveLength(1);
});

test("of two valid Autocrypt fields none counts, nor one of another address", async () => {
  const bob = await someKey(BOB);
  const field = await autocrypt(bob);
  await arrive(field + field + PLAIN);
  await arrive((await autocrypt(bob, "carol@example.org")) + PLAIN);
  expect(await book.keyFor(BOB)).toEqual({ kind: "none" });
  expect(await book.keyFor("carol@example.org")).toEqual({ kind: "none" });
});

test("an attached key counts if it names the sender", async () => {
  const attach = (key: PrivateKey) =>
    `${FROM}Content-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\n\r\ntext\r\n--m\r\nContent-Type: application/pgp-keys\r\n\r\n${key.toPublic().armor()}\r\n--m--\r\n`;
  await arrive(attach(await someKey("carol@example.org")));
  expect(await book.keyFor("carol@example.org")).toEqual({ kind: "none" });
  await arrive(attach(await someKey(BOB)));
  expect(await book.keyFor(BOB)).toMatchObject({ kind: "key", binding: { origin: "attachment" } });
});

test("gossip counts for who got the letter, is used where nothing better is known, and proves no signature", async () => {
  const alice = (await book.make(ALICE)).fingerprint;
  const [bob, carol] = [await someKey(BOB), await someKey("carol@example.org")];
  const gossip = async (key: PrivateKey, address: string) =>
    formatAutocrypt("Autocrypt-Gossip", {
      address,
      preferEncrypt: "nopreference",
      keydata: await minimalCertificate(key, address, NOW),
    }) ?? "";
  const fields = [await gossip(carol, "carol@example.org"), await gossip(carol, "dave@example.org")];
  const own = book.own.map((key) => key.toPublic());
  const header = PLAIN.replace("To: alice@example.org", "To: alice@example.org, carol@example.org");
  const letter = await encryptLetter(Buffer.from(header), { own: bob, recipients: own, gossip: fields, now: NOW });
  const { keywords } = await arrive(letter.toString("latin1"));
  expect(keywords).toContain("$Encrypted");
  expect(alice).toBe(own[0]?.getFingerprint());
  expect(await book.keyFor("carol@example.org")).toMatchObject({
    kind: "key",
    binding: { origin: "gossip", accepted: false },
  });
  expect(await book.keyFor("dave@example.org")).toEqual({ kind: "none" });
  expect(decodePeerState(store.peerState(BOB)).sentEncrypted).toBe(NOW);
  const bySomebody = await signedBy(carol, "");
  expect((await arrive(bySomebody.replaceAll("Bob <bob@", "Carol <carol@"))).keywords).not.toContain("$Signed");
});

test("a revocation that comes in any letter is told, and the key is not used any more", async () => {
  const bob = await someKey(BOB);
  await book.learn(bob.toPublic(), BOB, "wkd");
  const { publicKey } = await revokeKey({
    key: bob,
    reasonForRevocation: { flag: enums.reasonForRevocation.keyCompromised },
    date: new Date(NOW - DAY),
    format: "object",
  });
  await book.learn(publicKey, BOB, "attachment");
  expect(await book.keyFor(BOB)).toEqual({ kind: "unusable", fitness: "revoked" });
  await book.learn(bob.toPublic(), BOB, "attachment");
  expect(await book.keyFor(BOB)).toEqual({ kind: "unusable", fitness: "revoked" });
  expect(notices.map(({ subject }) => subject)).toEqual(["A correspondent's OpenPGP key is revoked"]);
});

test("a key that has expired is not encrypted to; its later expiry counts wherever it comes from", async () => {
  const bob = await someKey(BOB, { keyExpirationTime: (31 * DAY) / 1_000 });
  await book.learn(bob.toPublic(), BOB, "wkd");
  now = NOW + 2 * DAY;
  expect(await book.keyFor(BOB)).toEqual({ kind: "unusable", fitness: "expired" });
});

test("keyrings are imported whole, armored or binary, secret keys with their passphrase, and nothing with a wrong one", async () => {
  const [own, bob, carol] = [await someKey(ALICE), await someKey(BOB), await someKey("carol@example.org")];
  const locked = await encryptKey({ privateKey: own, passphrase: "swordfish" });
  const file = Buffer.concat([
    Buffer.from(bob.toPublic().write()),
    Buffer.from(locked.write()),
    Buffer.from(carol.toPublic().write()),
  ]);
  await expect(book.import(file, "wrong")).rejects.toMatchObject({ code: "forbidden" });
  await expect(book.import(file)).rejects.toMatchObject({ code: "forbidden" });
  expect(store.allBindings()).toEqual([]);
  const imported = await book.import(file, "swordfish");
  expect(imported.map(({ addresses, secret }) => [addresses[0], secret])).toEqual([
    [BOB, false],
    [ALICE, true],
    ["carol@example.org", false],
  ]);
  expect(book.ownFor(ALICE)?.isDecrypted()).toBe(true);
  const text = Buffer.from(`My key:\n${bob.toPublic().armor()}\nand hers:\n${carol.toPublic().armor()}`);
  expect(await book.import(text)).toHaveLength(2);
  await expect(book.import(Buffer.from("no key at all"))).rejects.toMatchObject({ code: "invalid" });
});

test("the Autocrypt certificate holds five packets and is read by itself", async () => {
  const bob = await someKey(BOB);
  const certificate = await readKey({ binaryKey: new Uint8Array(await minimalCertificate(bob, BOB, NOW)) });
  expect(certificate.toPacketList()).toHaveLength(5);
  await certificate.getEncryptionKey(undefined, new Date(NOW));
  expect((await autocrypt(bob)).length).toBeLessThan(1_500);
});
