import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type GatewayKeys, openGatewayKeys } from "../../../bridge/gateway/gateway-keys.ts";
import { Database } from "../../../foundation/database.ts";
import type { Account } from "../../../legacy-gateway/accounts/account.ts";
import { formatAutocrypt } from "../../../legacy-gateway/openpgp/autocrypt-header.ts";
import type { FetchKey } from "../../../legacy-gateway/openpgp/key-lookup.ts";
import { minimalCertificate } from "../../../legacy-gateway/openpgp/key-material.ts";
import { MAX_OPENED } from "../../../legacy-gateway/openpgp/limits.ts";
import { encryptLetter } from "../../../legacy-gateway/openpgp/write-letter.ts";
import { formatDateTime } from "../../../mime/date.ts";
import { DAY, HOUR, NOW, someKey } from "./some-keys.ts";
import { only, textOf } from "./some-letters.ts";

const ANN = "ann@example.org";
const BOB = "bob@example.org";
const HEADER = `From: ${ANN}\r\nTo: ${BOB}\r\nSubject: dinner\r\nMessage-ID: <2@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n`;

let db: Database;
let keys: GatewayKeys;
let asked: string[];
let answer: Uint8Array | undefined;

beforeEach(async () => {
  db = new Database(":memory:");
  asked = [];
  answer = undefined;
  keys = await open([]);
});
afterEach(() => db.close());

async function open(places: readonly ("wkd" | "keyserver")[]): Promise<GatewayKeys> {
  const fetch: FetchKey = async (url) => {
    asked.push(url);
    return answer;
  };
  return openGatewayKeys({ db, now: () => NOW, notify: () => undefined, lookup: { places, fetch } });
}

async function write(
  plain: "allowed" | "refused",
  header = HEADER,
  body: AsyncIterable<Uint8Array> = only("at eight\r\n"),
) {
  const account = { address: ANN, plain } as Account;
  const written = await keys.write({ account, recipients: [BOB], header: Buffer.from(`${header}\r\n`), body });
  return written.kind === "refused" ? { refused: written.why } : { left: await textOf(written.content) };
}

test("without a key a letter leaves only in the clear, once the user has said so for the address", async () => {
  expect((await write("refused")).refused).toMatch(/no OpenPGP key for bob@example\.org.*postern gateway key import/);
  expect((await write("allowed")).refused).toContain(`postern gateway policy ${BOB} --allow-plain`);
  keys.policies.confirmPlain("Bob@Example.org");
  expect((await write("allowed")).left).toContain("at eight");
  expect((await write("refused")).refused).toBeDefined();
});

test("with keys it is encrypted, and carries the own key in its Autocrypt field", async () => {
  await (await keys.book()).make(ANN);
  await (await keys.book()).learn((await someKey(BOB)).toPublic(), BOB, "autocrypt");
  const { left = "" } = await write("allowed");
  expect(left).toContain("multipart/encrypted");
  expect(left).toContain(`Autocrypt: addr=${ANN}; prefer-encrypt=mutual; keydata=`);
  expect(left).not.toMatch(/dinner|at eight/);
});

test("to somebody who has sent something encrypted nothing goes in the clear any more, nor in answer to it", async () => {
  await (await keys.book()).make(ANN);
  keys.policies.confirmPlain(BOB);
  keys.policies.confirmPlain("carol@example.org");
  const recipients = (await keys.book()).own.map((key) => key.toPublic());
  const letter = Buffer.from(`From: ${BOB}\r\nTo: ${ANN}\r\nMessage-ID: <1@example.org>\r\n\r\nsecret\r\n`);
  const sealed = await encryptLetter(letter, { own: await someKey(BOB), recipients, now: NOW });
  await textOf((await keys.read({ account: ANN, content: only(sealed) })).content);
  expect((await write("allowed")).refused).toMatch(/must be encrypted/);
  const answering = HEADER.replace(BOB, "carol@example.org").replace("MIME", "In-Reply-To: <1@example.org>\r\nMIME");
  const account = { address: ANN, plain: "allowed" } as Account;
  const to = { recipients: ["carol@example.org"], body: only("> secret\r\n"), header: Buffer.from(`${answering}\r\n`) };
  expect((await keys.write({ account, ...to })).kind).toBe("refused");
  keys.policies.set(BOB, "plain-allowed");
  expect((await write("allowed")).left).toContain("at eight");
});

test("a key is looked up only where that is allowed, and only where none is known", async () => {
  await (await keys.book()).make(ANN);
  answer = (await someKey(BOB)).toPublic().write();
  expect((await write("refused")).refused).toBeDefined();
  expect(asked).toEqual([]);
  keys = await open(["keyserver"]);
  expect((await write("refused")).left).toContain("multipart/encrypted");
  expect((await write("refused")).left).toContain("multipart/encrypted");
  expect(asked).toEqual(["https://keys.openpgp.org/vks/v1/by-email/bob%40example.org"]);
  expect(keys.store.bindings(BOB)[0]?.origin).toBe("keyserver");
});

test("a letter too long to be encrypted is refused where it would have to be, and passes where it need not", async () => {
  const long = async function* () {
    for (let at = 0; at <= MAX_OPENED; at += 1024 * 1024) yield Buffer.alloc(1024 * 1024, "x");
  };
  await (await keys.book()).make(ANN);
  keys.policies.set(BOB, "plain-allowed");
  expect((await write("allowed", HEADER, long())).left?.length).toBeGreaterThan(MAX_OPENED);
  await (await keys.book()).learn((await someKey(BOB)).toPublic(), BOB, "import");
  keys.policies.set(BOB, undefined);
  expect((await write("refused", HEADER, long())).refused).toMatch(/more than 32 MiB/);
});

test("who is known by Autocrypt alone gets encrypted letters where their program asks for it, or plain ones are not allowed", async () => {
  await (await keys.book()).make(ANN);
  const bob = await someKey(BOB);
  const arrive = async (preferEncrypt: "mutual" | "nopreference", at: number) => {
    const keydata = await minimalCertificate(bob, BOB, NOW);
    const field = formatAutocrypt("Autocrypt", { address: BOB, preferEncrypt, keydata });
    const date = `Date: ${formatDateTime(at)}\r\n`;
    const letter = `From: ${BOB}\r\nTo: ${ANN}\r\n${date}${field}\r\nhello\r\n`;
    await textOf((await keys.read({ account: ANN, content: only(letter) })).content);
  };
  const how = async () => ((await write("allowed")).left?.includes("at eight") === true ? "plain" : "encrypted");
  await arrive("nopreference", NOW - 50 * DAY);
  expect(await how()).toBe("encrypted");
  keys.policies.confirmPlain(BOB);
  expect(await how()).toBe("plain");
  expect((await write("refused")).left).toContain("multipart/encrypted");
  await arrive("mutual", NOW - 49 * DAY);
  expect(await how()).toBe("encrypted");
  keys.preferences.set(ANN, { preferEncrypt: "nopreference" });
  expect(await how()).toBe("plain");
  keys.preferences.set(ANN, { preferEncrypt: "mutual" });
  await textOf(
    (await keys.read({ account: ANN, content: only(`From: ${BOB}\r\nDate: ${formatDateTime(NOW)}\r\n\r\nhello\r\n`) }))
      .content,
  );
  expect(await how()).toBe("plain");
  keys.policies.set(BOB, "encrypt-if-possible");
  expect(await how()).toBe("encrypted");
});

test("a key that somebody put into a letter on its way does not lead to plain letters", async () => {
  await (await keys.book()).make(ANN);
  keys.policies.confirmPlain(BOB);
  for (const [hours, key] of [
    [2, await someKey(BOB)],
    [1, await someKey(BOB)],
  ] as const) {
    const field = formatAutocrypt("Autocrypt", {
      address: BOB,
      preferEncrypt: hours === 2 ? "mutual" : "nopreference",
      keydata: await minimalCertificate(key, BOB, NOW),
    });
    const letter = `From: ${BOB}\r\nTo: ${ANN}\r\nDate: ${formatDateTime(NOW - hours * HOUR)}\r\n${field}\r\nhello\r\n`;
    await textOf((await keys.read({ account: ANN, content: only(letter) })).content);
  }
  expect((await write("allowed")).left).toContain("multipart/encrypted");
});

test("what others are asked for is what the account says", async () => {
  await (await keys.book()).make(ANN);
  keys.policies.set(BOB, "plain-allowed");
  expect((await write("allowed")).left).toContain(`Autocrypt: addr=${ANN}; prefer-encrypt=mutual; keydata=`);
  keys.preferences.set(ANN, { preferEncrypt: "nopreference" });
  expect((await write("allowed")).left).toContain(`Autocrypt: addr=${ANN}; keydata=`);
});
