import { beforeAll, expect, test } from "@jest/globals";
import { createMessage, encrypt, type PrivateKey, sign } from "openpgp";
import type { LetterKeys } from "../../../legacy-gateway/openpgp/read-letter.ts";
import { claimsOurResults, formatVerdict } from "../../../legacy-gateway/openpgp/verdict.ts";
import { encryptLetter, signLetter } from "../../../legacy-gateway/openpgp/write-letter.ts";
import { keysOf, NOW, someKey } from "./some-keys.ts";
import { encryptedLetter, FROM, read, signedLetter } from "./some-letters.ts";

let alice: PrivateKey;
let bob: PrivateKey;
let keys: LetterKeys;

beforeAll(async () => {
  alice = await someKey("alice@example.org");
  bob = await someKey("bob@example.org");
  keys = keysOf([alice], [[bob.toPublic(), "bob@example.org"]]);
});

async function sealed(payload: string, from: PrivateKey = bob): Promise<string> {
  const armored = await encrypt({
    message: await createMessage({ binary: Buffer.from(payload, "latin1") }),
    encryptionKeys: alice.toPublic(),
    signingKeys: from,
    date: new Date(NOW),
  });
  return encryptedLetter(armored);
}

function field(text: string, name: string): string[] {
  const header = text.slice(0, text.indexOf("\r\n\r\n")).replace(/\r\n[ \t]+/g, " ");
  return header.split("\r\n").flatMap((line) => (line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []));
}

test("what is written with a hidden subject is read with it (RFC 9788)", async () => {
  const letter =
    "From: Bob <bob@example.org>\r\nTo: alice@example.org\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nKeywords: secret\r\n" +
    "Message-ID: <7@example.org>\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\nAutocrypt: addr=bob@example.org; keydata=AAAA\r\n" +
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nH\xc3\xa4\r\n";
  const written = (
    await encryptLetter(Buffer.from(letter, "latin1"), { own: bob, recipients: [alice.toPublic()], now: NOW })
  ).toString("latin1");
  expect(field(written, "Subject")).toEqual(["[...]"]);
  expect(written).not.toMatch(/Keywords|secret|H\xc3\xa4/);
  expect(field(written, "Autocrypt")).toHaveLength(1);
  const { text, keywords } = await read(written, keys);
  expect(field(text, "Subject")).toEqual(["=?utf-8?Q?Gr=C3=BC=C3=9Fe?="]);
  expect(field(text, "Keywords")).toEqual(["secret"]);
  expect(field(text, "Message-ID")).toEqual(["<7@example.org>"]);
  expect(text).toContain("\r\n\r\nH\xc3\xa4\r\n");
  expect(text).not.toMatch(/^HP-Outer:/m);
  expect(keywords).toEqual(["$Legacy", "$Encrypted", "$Signed"]);
});

test("fields outside do not count beside protected ones (RFC 9788), those of the journey stay", async () => {
  const payload =
    'Content-Type: text/plain; hp="cipher"\r\nFrom: bob@example.org\r\nTo: alice@example.org\r\nSubject: inside\r\n\r\ntext\r\n';
  const letter = (await sealed(payload)).replace(
    "Subject: outside\r\n",
    "Subject: outside\r\nCc: mallory@example.org\r\nReply-To: mallory@example.org\r\nReceived: from relay.example\r\n",
  );
  const { text } = await read(letter, keys);
  expect(field(text, "Subject")).toEqual(["inside"]);
  expect(field(text, "Cc")).toEqual([]);
  expect(field(text, "Reply-To")).toEqual([]);
  expect(field(text, "Received")).toEqual(["from relay.example"]);
});

test("another sender inside is shown only where that sender signed (RFC 9788 section 4.4)", async () => {
  const payload =
    'Content-Type: text/plain; hp="cipher"\r\nFrom: Boss <boss@example.org>\r\nSubject: pay\r\n\r\ntext\r\n';
  const byBob = await read(await sealed(payload), keys);
  expect(field(byBob.text, "From")).toEqual(["Bob <bob@example.org>"]);
  const boss = await someKey("boss@example.org");
  const bySender = await read(await sealed(payload, boss), keysOf([alice], [[boss.toPublic(), "boss@example.org"]]));
  expect(field(bySender.text, "From")).toEqual(["Boss <boss@example.org>"]);
  expect(bySender.keywords).toContain("$Signed");
});

test("the older protected headers change what they hold, and their display part is left out", async () => {
  const payload =
    'Content-Type: multipart/mixed; boundary="in"; protected-headers="v1"\r\nSubject: inside\r\n\r\n' +
    '--in\r\nContent-Type: text/rfc822-headers; protected-headers="v1"\r\nContent-Disposition: inline\r\n\r\nSubject: inside\r\n' +
    "--in\r\nContent-Type: text/plain\r\n\r\nthe text\r\n--in--\r\n";
  const { text } = await read(await sealed(payload), keys);
  expect(field(text, "Subject")).toEqual(["inside"]);
  expect(field(text, "To")).toEqual(["alice@example.org"]);
  expect(text).toContain("the text");
  expect(text).not.toContain("text/rfc822-headers");
});

test("the copy of the subject in the text is left out (hp-legacy-display)", async () => {
  const payload =
    'Content-Type: multipart/alternative; boundary="in"; hp="cipher"\r\nSubject: inside\r\nFrom: bob@example.org\r\n\r\n' +
    '--in\r\nContent-Type: text/plain; charset=utf-8; hp-legacy-display="1"\r\n\r\nSubject: inside\r\n\r\nthe text\r\n' +
    '--in\r\nContent-Type: text/html; hp-legacy-display="1"\r\n\r\n<html><body><div class="header-protection-legacy-display"><pre>Subject: inside</pre></div><p>the text</p></body></html>\r\n--in--\r\n';
  const { text } = await read(await sealed(payload), keys);
  const decoded = [...text.matchAll(/base64\r\n\r\n([A-Za-z0-9+/=\r\n]+)\r\n--in/g)].map(([, body = ""]) =>
    Buffer.from(body, "base64").toString(),
  );
  expect(decoded).toEqual(["the text", "<html><body><p>the text</p></body></html>"]);
});

test("a signed letter keeps its octets, and shows the subject that was signed", async () => {
  const letter = Buffer.from(`${FROM}Content-Type: text/plain; charset=us-ascii\r\n\r\nSigned text.\r\n`);
  const signed = (await signLetter(letter, { own: bob, now: NOW }))?.toString("latin1") ?? "";
  expect((await read(signed, keys)).text).toBe(signed);
  const forged = await read(signed.replace("Subject: outside", "Subject: URGENT"), keys);
  expect(forged.keywords).toContain("$Signed");
  expect(field(forged.text, "Subject")).toEqual(["outside"]);
  expect(field(forged.text, "X-Unsigned-Subject")).toEqual(["URGENT"]);
  expect(forged.text.slice(forged.text.indexOf("\r\n\r\n"))).toBe(signed.slice(signed.indexOf("\r\n\r\n")));
});

test("what a relay would change is encoded before it is signed; a letter that cannot be is not signed", async () => {
  const letter = (text: string, header = "") =>
    Buffer.from(`${header}${FROM}Content-Type: text/plain\r\n\r\n${text}\r\n`, "latin1");
  for (const text of ["\xc3\xa4", "blank at the end ", "x".repeat(2_000)]) {
    const signed = (await signLetter(letter(text), { own: bob, now: NOW }))?.toString("latin1") ?? "";
    expect(signed).not.toMatch(/[\x80-\xff]|[ \t]\r\n|[^\r\n]{999}/);
    expect((await read(signed, keys)).keywords).toEqual(["$Legacy", "$Plaintext", "$Signed"]);
  }
  expect(await signLetter(letter("text", "Comments: \xc3\xa4\r\n"), { own: bob, now: NOW })).toBeUndefined();
});

test("results in this bridge's name are taken off, others stay", async () => {
  const results =
    'Authentication-Results: postern.alt; x-openpgp=pass\r\nAuthentication-Results: (c) "postern.alt" 1;\r\n x-openpgp=pass\r\n' +
    "Authentication-Results: mx.example.org; spf=pass\r\n";
  const { text } = await read(`${results}${FROM}Content-Type: text/plain\r\n\r\nplain\r\n`, keys);
  expect(field(text, "Authentication-Results")).toEqual(["mx.example.org; spf=pass"]);
  expect(claimsOurResults("authentication-results", "abc.postern.alt; x=y")).toBe(true);
  const inside =
    'Content-Type: text/plain; protected-headers="v1"\r\nAuthentication-Results: postern.alt; x-openpgp=pass\r\nSubject: s\r\n\r\ntext\r\n';
  expect(field((await read(await sealed(inside), keys)).text, "Authentication-Results")).toEqual([]);
});

test("the verdict's field says what was found, in words that no letter can choose", () => {
  const verdict = formatVerdict({
    encryption: "opened",
    from: "bob@example.org",
    signature: { result: "good", fingerprint: "ab".repeat(20) },
  });
  expect(verdict).toBe(
    "Authentication-Results: postern.alt; x-openpgp=pass (signed by the sender's key)\r\n header.from=bob@example.org\r\n" +
      ` policy.encryption=opened\r\n policy.key=${"ab".repeat(20)}\r\n`,
  );
  const odd = formatVerdict({ encryption: "none", from: '"a;x-openpgp=pass"@b', signature: { result: "none" } });
  expect(odd).toBe("Authentication-Results: postern.alt; x-openpgp=none (not signed)\r\n policy.encryption=none\r\n");
});

test("a signature over what has bare line feeds is checked with CRLF (RFC 3156 section 5)", async () => {
  const part = "Content-Type: text/plain\r\n\r\none\r\ntwo\r\n";
  const signature = await sign({
    message: await createMessage({ binary: Buffer.from(part) }),
    signingKeys: bob,
    detached: true,
    date: new Date(NOW),
  });
  const { verdict } = await read(signedLetter(part, signature).replaceAll("\r\n", "\n"), keys);
  expect(verdict.signature.result).toBe("good");
});
