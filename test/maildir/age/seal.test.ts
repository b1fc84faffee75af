import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { encodeBech32 } from "../../../maildir/age/bech32.ts";
import { AgeFormatError } from "../../../maildir/age/format-error.ts";
import type { AgeIdentity } from "../../../maildir/age/identity.ts";
import { CHUNK_SIZE } from "../../../maildir/age/limits.ts";
import { AgeOpener } from "../../../maildir/age/opener.ts";
import { AgeSealer, sealBytes } from "../../../maildir/age/sealer.ts";
import { VaultKey } from "../../../maildir/age/vault-key.ts";
import { X25519Identity, X25519Recipient } from "../../../maildir/age/x25519.ts";

const identityText = encodeBech32("age-secret-key-", randomBytes(32));
const paper = new X25519Identity(identityText);
const vault = new VaultKey(randomBytes(32));
const recipients = [new X25519Recipient(paper.recipient), vault];
const ageInstalled = spawnSync("age", ["--version"]).status === 0;

function opener(file: Uint8Array, identity: AgeIdentity = vault): AgeOpener | undefined {
  const octets = Buffer.from(file);
  const read = (position: number, length: number) => octets.subarray(position, position + length);
  return AgeOpener.open(octets, { size: octets.length, read }, identity);
}

async function contentOf(file: Uint8Array, start?: number, end?: number): Promise<Buffer | undefined> {
  const opened = opener(file);
  if (opened === undefined) return undefined;
  const pieces: Buffer[] = [];
  for await (const piece of opened.read(start, end)) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function isRefused(file: Uint8Array): Promise<boolean> {
  try {
    return (await contentOf(file)) === undefined;
  } catch (error) {
    return error instanceof AgeFormatError;
  }
}

const sizes = [0, 1, 100, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3 * CHUNK_SIZE];

test.each(sizes)("a plaintext of %d octets comes back, with the vault's key and with the paper key", async (size) => {
  const plaintext = randomBytes(size);
  const file = sealBytes(recipients, plaintext);
  for (const identity of [vault, paper]) {
    const pieces: Buffer[] = [];
    for await (const piece of opener(file, identity)?.read() ?? []) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(plaintext)).toBe(true);
  }
});

test("how the plaintext is cut into pieces makes no difference", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(50_000), { maxLength: 8 }), async (lengths) => {
      const parts = lengths.map((length) => randomBytes(length));
      const sealer = new AgeSealer(recipients);
      const file = Buffer.concat([sealer.start, ...parts.flatMap((part) => [...sealer.push(part)]), ...sealer.end()]);
      expect((await contentOf(file))?.equals(Buffer.concat(parts))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test("any stretch can be read alone", async () => {
  const plaintext = randomBytes(3 * CHUNK_SIZE + 17);
  const file = sealBytes(recipients, plaintext);
  const position = fc.nat(plaintext.length);
  await fc.assert(
    fc.asyncProperty(position, position, async (a, b) => {
      const [start, end] = [Math.min(a, b), Math.max(a, b)];
      expect((await contentOf(file, start, end))?.equals(plaintext.subarray(start, end))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("a stretch costs only the chunks that hold it", async () => {
  const file = Buffer.from(sealBytes(recipients, randomBytes(10 * CHUNK_SIZE)));
  const read: number[] = [];
  const source = {
    size: file.length,
    read: (position: number, length: number) => {
      read.push(position);
      return file.subarray(position, position + length);
    },
  };
  for await (const _ of AgeOpener.open(file.subarray(0, 1000), source, vault)?.read(5 * CHUNK_SIZE, 6 * CHUNK_SIZE) ??
    []);
  expect(read).toHaveLength(1);
});

test("a flipped bit never opens", async () => {
  const file = sealBytes(recipients, Buffer.from("a short letter"));
  for (let bit = 0; bit < file.length * 8; bit++) {
    const changed = Buffer.from(file);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(await isRefused(changed)).toBe(true);
  }
});

test("every truncation and every addition is refused", async () => {
  const file = sealBytes(recipients, Buffer.from("a short letter"));
  for (let length = 0; length < file.length; length++) expect(await isRefused(file.subarray(0, length))).toBe(true);
  expect(await isRefused(Buffer.concat([file, Buffer.from([0])]))).toBe(true);
  const large = sealBytes(recipients, randomBytes(3 * CHUNK_SIZE + 5));
  const start = large.length - (3 * (CHUNK_SIZE + 16) + 5 + 16);
  for (const chunks of [0, 1, 2, 3])
    expect(await isRefused(large.subarray(0, start + chunks * (CHUNK_SIZE + 16)))).toBe(true);
});

test("chunks in another order are refused", async () => {
  const file = sealBytes(recipients, randomBytes(3 * CHUNK_SIZE));
  const start = file.length - 3 * (CHUNK_SIZE + 16);
  const chunk = (index: number) =>
    file.subarray(start + index * (CHUNK_SIZE + 16), start + (index + 1) * (CHUNK_SIZE + 16));
  expect(await isRefused(Buffer.concat([file.subarray(0, start), chunk(1), chunk(0), chunk(2)]))).toBe(true);
});

test("another key does not open the file", () => {
  const file = sealBytes(recipients, Buffer.from("x"));
  expect(opener(file, new VaultKey(randomBytes(32)))).toBeUndefined();
  expect(opener(file, new X25519Identity(encodeBech32("age-secret-key-", randomBytes(32))))).toBeUndefined();
});

test("two files of one text share nothing but the fixed words", () => {
  const [a, b] = [sealBytes(recipients, Buffer.from("same")), sealBytes(recipients, Buffer.from("same"))];
  expect(a.length).toBe(b.length);
  expect(a.equals(b)).toBe(false);
  expect(a.subarray(-20).equals(b.subarray(-20))).toBe(false);
});

if (ageInstalled) {
  test("the age tool opens our files with the paper key", () => {
    for (const size of sizes) {
      const plaintext = randomBytes(size);
      const file = sealBytes(recipients, plaintext);
      const result = spawnSync(
        "sh",
        ["-c", "exec 3<<EOF\n$0\nEOF\nexec age -d -i /dev/fd/3", identityText.toUpperCase()],
        {
          input: file,
          maxBuffer: 1e9,
        },
      );
      expect(result.stderr.toString()).toBe("");
      expect(result.stdout.equals(plaintext)).toBe(true);
    }
  });

  test("our reader opens the age tool's files", async () => {
    const plaintext = randomBytes(2 * CHUNK_SIZE + 1);
    const { stdout } = spawnSync("age", ["-r", paper.recipient], { input: plaintext, maxBuffer: 1e9 });
    const pieces: Buffer[] = [];
    for await (const piece of opener(stdout, paper)?.read() ?? []) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(plaintext)).toBe(true);
  });
}
