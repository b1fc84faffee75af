import { randomBytes } from "node:crypto";
import { afterEach, expect, test } from "@jest/globals";
import { DecodeError } from "../../foundation/bytes.ts";
import { Database } from "../../foundation/database.ts";
import { createDevice, type Device, loadDevice } from "../../keyring/device.ts";
import { decodeBundle, encodeBundle } from "../../keyring/device-bundle.ts";

const NOW = 1_800_000_000_000;
const open: Database[] = [];

afterEach(() => {
  for (const db of open.splice(0)) db.close();
});

interface Party {
  readonly db: Database;
  readonly device: Device;
  readonly name: string;
}

function party(letter: string): Party {
  const db = new Database(":memory:");
  open.push(db);
  return { db, device: createDevice(db, { random: randomBytes }), name: letter.repeat(52) };
}

const everybody = () => true;

async function begun(): Promise<{ a: Party; b: Party }> {
  const [a, b] = [party("a"), party("b")];
  const steps = b.device.sessions(b.name, everybody);
  await steps.begin(a.name, a.device.createBundle(NOW).bytes, NOW);
  steps.write();
  return { a, b };
}

async function encrypt(from: Party, to: Party, text: string) {
  const steps = from.device.sessions(from.name, everybody);
  const ciphertext = await steps.encrypt(to.name, 1, Buffer.from(text), NOW);
  steps.write();
  return ciphertext;
}

function decrypt(to: Party, from: Party, ciphertext: Awaited<ReturnType<typeof encrypt>>) {
  return to.device.sessions(to.name, everybody).decrypt(from.name, 1, ciphertext);
}

test("a device is made once and is the same when it is loaded again", () => {
  const { db, device } = party("a");
  const loaded = loadDevice(db);
  expect(loaded?.identityKey).toEqual(device.identityKey);
  expect(loaded?.registrationId).toBe(device.registrationId);
  expect(() => createDevice(db, { random: randomBytes })).toThrow("has its device keys");
});

test("two devices exchange messages after PQXDH, and the first ones say that they are first", async () => {
  const { a, b } = await begun();
  const first = await encrypt(b, a, "one");
  expect(first.type).toBe("first");
  const steps = a.device.sessions(a.name, everybody);
  expect((await steps.decrypt(b.name, 1, first)).toString()).toBe("one");
  steps.write();
  const answer = await encrypt(a, b, "two");
  expect(answer.type).toBe("ratchet");
  expect((await decrypt(b, a, answer)).toString()).toBe("two");
});

test("a ciphertext over a letter's header fits a slot, the first ones too", async () => {
  const { a, b } = await begun();
  const first = await encrypt(b, a, "x".repeat(136));
  expect(first.bytes.length).toBeLessThanOrEqual(1900);
});

test("steps that are not written leave the session as it was", async () => {
  const { a, b } = await begun();
  const first = await encrypt(b, a, "one");
  expect((await decrypt(a, b, first)).toString()).toBe("one");
  expect((await decrypt(a, b, first)).toString()).toBe("one");
  const dropped = await b.device.sessions(b.name, everybody).encrypt(a.name, 1, Buffer.from("dropped"), NOW);
  const kept = await encrypt(b, a, "kept");
  const steps = a.device.sessions(a.name, everybody);
  expect((await steps.decrypt(b.name, 1, kept)).toString()).toBe("kept");
  await expect(steps.decrypt(b.name, 1, dropped)).rejects.toMatchObject({ kind: "duplicate" });
});

test("a hundred messages encrypted one after another in one batch have a counter each", async () => {
  const { a, b } = await begun();
  const sending = b.device.sessions(b.name, everybody);
  const all = [];
  for (let n = 0; n < 100; n++) all.push(await sending.encrypt(a.name, 1, Buffer.from(`${n}`), NOW));
  sending.write();
  const receiving = a.device.sessions(a.name, everybody);
  for (const [n, ciphertext] of all.reverse().entries())
    expect((await receiving.decrypt(b.name, 1, ciphertext)).toString()).toBe(`${99 - n}`);
});

test("a message that was received and written is a duplicate the second time", async () => {
  const { a, b } = await begun();
  const first = await encrypt(b, a, "one");
  const steps = a.device.sessions(a.name, everybody);
  await steps.decrypt(b.name, 1, first);
  steps.write();
  await expect(decrypt(a, b, first)).rejects.toMatchObject({ kind: "duplicate" });
});

test("a bundle's one-time prekeys begin one session only, even if that session is forgotten", async () => {
  const { a, b } = await begun();
  const first = await encrypt(b, a, "one");
  const steps = a.device.sessions(a.name, everybody);
  await steps.decrypt(b.name, 1, first);
  steps.write();
  a.device.removeSessions(b.name);
  await expect(decrypt(a, b, first)).rejects.toMatchObject({ kind: "invalid" });
});

test("prekeys that were discarded begin no session", async () => {
  const [a, b] = [party("a"), party("b")];
  const { bytes, reserved } = a.device.createBundle(NOW);
  const steps = b.device.sessions(b.name, everybody);
  await steps.begin(a.name, bytes, NOW);
  const first = await steps.encrypt(a.name, 1, Buffer.from("late"), NOW);
  a.device.discardPreKeys(reserved);
  await expect(decrypt(a, b, first)).rejects.toMatchObject({ kind: "invalid" });
});

test("the last-resort bundle serves many, but one first message begins one session", async () => {
  const a = party("a");
  const bundle = a.device.lastResortBundle(NOW);
  expect(a.device.lastResortBundle(NOW)).toEqual(bundle);
  for (const letter of ["b", "c"]) {
    const other = party(letter);
    const sending = other.device.sessions(other.name, everybody);
    await sending.begin(a.name, bundle, NOW);
    const first = await sending.encrypt(a.name, 1, Buffer.from(letter), NOW);
    const receiving = a.device.sessions(a.name, everybody);
    expect((await receiving.decrypt(other.name, 1, first)).toString()).toBe(letter);
    receiving.write();
    a.device.removeSessions(other.name);
    await expect(decrypt(a, other, first)).rejects.toMatchObject({ kind: "invalid" });
  }
});

test("a key that is not trusted neither begins a session nor is written to nor read from", async () => {
  const { a, b } = await begun();
  const nobody = () => false;
  const steps = b.device.sessions(b.name, nobody);
  await expect(steps.begin(a.name, a.device.createBundle(NOW).bytes, NOW)).rejects.toMatchObject({ kind: "untrusted" });
  await expect(steps.encrypt(a.name, 1, Buffer.from("x"), NOW)).rejects.toMatchObject({ kind: "untrusted" });
  const first = await encrypt(b, a, "one");
  const reading = a.device.sessions(a.name, nobody).decrypt(b.name, 1, first);
  await expect(reading).rejects.toMatchObject({ kind: "untrusted" });
});

test("trust is asked with the key of the account state, byte for byte", async () => {
  const { a, b } = await begun();
  const asked: [string, number, Buffer][] = [];
  const steps = b.device.sessions(b.name, (label, id, key) => {
    asked.push([label, id, Buffer.from(key)]);
    return true;
  });
  await steps.encrypt(a.name, 1, Buffer.from("x"), NOW);
  expect(asked[0]).toEqual([a.name, 1, a.device.identityKey]);
});

test("a failing disk is not taken for a message that does not open", async () => {
  const { a, b } = await begun();
  const first = await encrypt(b, a, "one");
  const broken = a.device.sessions(a.name, () => {
    throw new Error("disk I/O error");
  });
  await expect(broken.decrypt(b.name, 1, first)).rejects.toThrow("disk I/O error");
  a.db.sqlite.exec("ALTER TABLE device_prekey RENAME TO elsewhere");
  await expect(decrypt(a, b, first)).rejects.toMatchObject({ code: "SQLITE_ERROR" });
});

test("without a session nothing is encrypted or decrypted", async () => {
  const { a, b } = await begun();
  await expect(encrypt(a, b, "x")).rejects.toMatchObject({ kind: "no-session" });
  const junk = { type: "ratchet", bytes: randomBytes(200) } as const;
  await expect(decrypt(a, b, junk)).rejects.toMatchObject({ name: "SessionFailure" });
});

test("a flipped bit anywhere in a ciphertext never opens as anything else", async () => {
  const { a, b } = await begun();
  const first = await encrypt(b, a, "one");
  for (let at = 0; at < first.bytes.length; at += 97) {
    const bytes = Buffer.from(first.bytes);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    // The outer registration id is the one field that no MAC covers; nothing of ours reads it.
    const opened = await decrypt(a, b, { type: "first", bytes }).catch((error: Error) => error.name);
    expect(["SessionFailure", "one"]).toContain(opened.toString());
  }
});

test("a bundle is the same after decoding and encoding, and whatever is cut off or changed is refused", async () => {
  const [a, b] = [party("a"), party("b")];
  const { bytes } = a.device.createBundle(NOW);
  expect(encodeBundle(decodeBundle(bytes))).toEqual(bytes);
  for (let length = 0; length < bytes.length; length += 61)
    expect(() => decodeBundle(bytes.subarray(0, length))).toThrow(DecodeError);
  for (const at of [50, 100, 200, 1000, 1740]) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    const begin = b.device.sessions(b.name, everybody).begin(a.name, changed, NOW);
    await expect(begin).rejects.toThrow();
  }
});

test("signed prekeys are renewed after a month, and the old one still serves", async () => {
  const [a, b] = [party("a"), party("b")];
  const { bytes } = a.device.createBundle(NOW);
  const steps = b.device.sessions(b.name, everybody);
  await steps.begin(a.name, bytes, NOW);
  const first = await steps.encrypt(a.name, 1, Buffer.from("old"), NOW);
  const later = NOW + 31 * 24 * 3_600_000;
  const renewed = decodeBundle(a.device.createBundle(later).bytes);
  expect(renewed.signedPreKeyId()).not.toBe(decodeBundle(bytes).signedPreKeyId());
  expect((await decrypt(a, b, first)).toString()).toBe("old");
});
