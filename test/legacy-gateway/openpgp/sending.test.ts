import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { PrivateKey } from "openpgp";
import { SomeSubmissionServer } from "../some-submission-server.ts";
import { ANN, SomeGateway, untilThere } from "./some-gateway.ts";
import { keysOf, someKey } from "./some-keys.ts";
import { read } from "./some-letters.ts";

const BOB = "bob@friend.example";
const LETTER = `From: Ann <${ANN}>\r\nTo: ${BOB}\r\nSubject: a secret\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nGood morning.\r\n`;

let server: SomeSubmissionServer;
let ann: SomeGateway;
let bob: PrivateKey;

beforeEach(async () => {
  bob = await someKey(BOB);
  server = await SomeSubmissionServer.start();
  ann = await SomeGateway.start({ smtpPort: server.port });
});
afterEach(async () => {
  await ann.stop();
  await server.stop();
});

/** What Bob reads of the one letter that left. */
async function atBob() {
  const taken = await untilThere("a letter at the provider", () => server.taken[0]?.content);
  const own = ann.book.own.map((key) => key.toPublic());
  const asBob = keysOf(
    [bob],
    own.map((key) => [key, ANN] as const),
  );
  return { taken, ...(await read(taken, asBob, Date.now() + 1_000)) };
}

test("a letter to somebody whose key is known leaves encrypted; what is filed in Sent can be read", async () => {
  const { fingerprint } = await ann.book.make(ANN);
  await ann.book.learn(bob.toPublic(), BOB, "autocrypt");
  await ann.submit(LETTER, BOB);
  const { taken, text, keywords, verdict } = await atBob();
  expect(taken).toContain("multipart/encrypted");
  expect(taken).not.toMatch(/secret|Good morning/);
  expect(verdict.signature).toEqual({ result: "good", fingerprint });
  expect(keywords).toEqual(["$Legacy", "$Encrypted", "$Signed"]);
  expect(text).toContain("Subject: a secret\r\n");
  expect((await ann.mail.messages("Sent"))[0]?.text).toContain("Good morning.");
});

test("a plain letter is signed where its account says so, and its octets survive the relays", async () => {
  await ann.book.make(ANN);
  ann.keys.preferences.set(ANN, { signPlain: true });
  ann.keys.policies.set(BOB, "plain-allowed");
  const body = "Gr\xc3\xbc\xc3\x9fe =\r\n-- \r\nFrom here\r\n.\r\n";
  await ann.submit(LETTER.replace("text/plain", "text/plain; charset=utf-8").replace("Good morning.\r\n", body), BOB);
  const { taken, keywords, verdict } = await atBob();
  expect(taken).toContain("multipart/signed");
  expect(taken).not.toMatch(/[\x80-\xff]/);
  expect(taken).toContain("Gr=C3=BC=C3=9Fe =3D\r\n--=20\r\n=46rom here\r\n");
  expect(verdict.signature.result).toBe("good");
  expect(keywords).toEqual(["$Legacy", "$Plaintext", "$Signed"]);
});

test("without a key nothing leaves and nothing is filed, and the reply says what to do", async () => {
  await ann.book.make(ANN);
  await expect(ann.submit(LETTER, BOB)).rejects.toMatchObject({
    code: 550,
    message: expect.stringMatching(/no OpenPGP key for bob@friend\.example/),
  });
  const { gateway, mail } = ann;
  expect(server.taken).toEqual([]);
  expect(gateway.outbox.list()).toEqual([]);
  expect(mail.maildir.specialUse("\\Sent") === undefined ? [] : await mail.messages("Sent")).toEqual([]);
});
