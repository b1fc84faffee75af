import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { expect, test } from "@jest/globals";
import { encodeBech32 } from "../../maildir/age/bech32.ts";
import { decodeHeader } from "../../maildir/age/header.ts";
import type { AgeIdentity } from "../../maildir/age/identity.ts";
import { AgeOpener } from "../../maildir/age/opener.ts";
import { VaultKey } from "../../maildir/age/vault-key.ts";
import { X25519Identity } from "../../maildir/age/x25519.ts";
import {
  type FileLink,
  type LetterAnswer,
  type LetterOrder,
  type LinkOrder,
  serveLetters,
} from "../../maildir/letter-service.ts";
import { PREPARED_KEYS } from "../../maildir/limits.ts";
import { decodeTrailer, TRAILER_SIZE } from "../../maildir/padding.ts";

const vaultKey = Buffer.alloc(32, 7);
const recovery = new X25519Identity(encodeBech32("age-secret-key-", Buffer.alloc(32, 9)));

interface Service {
  readonly folder: string;
  /** Writes a letter into a directory of the folder. */
  readonly write: (octets: Uint8Array, name: string, directory?: string) => Promise<LetterAnswer>;
  readonly link: (links: readonly FileLink[]) => Promise<LetterAnswer>;
}

/** A folder, and a service that works in it. */
async function inService(work: (service: Service) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "postern-letters-"));
  for (const directory of ["tmp", "new"]) mkdirSync(join(folder, directory));
  const { port1: own, port2: theirs } = new MessageChannel();
  const ready = once(own, "message");
  serveLetters(theirs, { vaultKey, recoveryRecipient: recovery.recipient });
  expect(await ready).toEqual(["ready"]);
  const answers = new Map<number, (answer: LetterAnswer) => void>();
  own.on("message", (answer: LetterAnswer) => answers.get(answer.number)?.(answer));
  const order = (given: Omit<LetterOrder, "number"> | Omit<LinkOrder, "number">): Promise<LetterAnswer> => {
    const number = answers.size + 1;
    own.postMessage({ number, ...given });
    return new Promise((resolve) => answers.set(number, resolve));
  };
  try {
    await work({
      folder,
      write: (octets, name, directory = "new") => {
        const [temporary, path] = [join(folder, "tmp", name), join(folder, directory, name)];
        const letter = { octets, internalDate: 1e12, emailId: "a".repeat(16), temporary, path };
        return order({ letter, directory: join(folder, directory) });
      },
      link: (links) => order({ links, directory: join(folder, "new") }),
    });
  } finally {
    own.close();
    rmSync(folder, { recursive: true });
  }
}

async function contentOf(file: Buffer, identity: AgeIdentity): Promise<Buffer> {
  const read = (position: number, length: number) => file.subarray(position, position + length);
  const pieces: Buffer[] = [];
  for await (const piece of AgeOpener.open(file, { size: file.length, read }, identity)?.read() ?? [])
    pieces.push(piece);
  return Buffer.concat(pieces);
}

test("letters are sealed for both recipients, padded, hashed and named; the times of their files tell nothing", () =>
  inService(async ({ folder, write }) => {
    const letters = [Buffer.from("Subject: short\r\n\r\nx\r\n"), Buffer.alloc(200_000, "long "), Buffer.from("y")];
    const answers = await Promise.all(letters.map((octets, index) => write(octets, `letter ${index}`)));
    for (const [index, octets] of letters.entries()) {
      const contentHash = createHash("sha256").update(octets).digest();
      expect(answers[index]).toEqual({ number: index + 1, result: Uint8Array.from(contentHash) });
      const path = join(folder, "new", `letter ${index}`);
      expect(statSync(path).mtimeMs).toBe(0);
      for (const identity of [recovery, new VaultKey(vaultKey)]) {
        const plaintext = await contentOf(readFileSync(path), identity);
        expect(plaintext.subarray(0, octets.length).equals(octets)).toBe(true);
        const trailer = decodeTrailer(plaintext.subarray(-TRAILER_SIZE), plaintext.length);
        expect(trailer).toEqual({ size: octets.length, internalDate: 1e12, emailId: "a".repeat(16) });
      }
    }
    expect(readdirSync(join(folder, "tmp"))).toEqual([]);
  }));

test("no two letters have the same ephemeral share, however many were made in advance", () =>
  inService(async ({ folder, write }) => {
    const names = Array.from({ length: 3 * PREPARED_KEYS }, (_, index) => `${index}`);
    for (const name of names.slice(0, 5)) await write(Buffer.from("x"), name);
    await Promise.all(names.slice(5).map((name) => write(Buffer.from("x"), name)));
    const shares = names.map((name) => decodeHeader(readFileSync(join(folder, "new", name))).stanzas[0]?.arguments[1]);
    expect(new Set(shares).size).toBe(names.length);
  }));

test("a letter that cannot be written is answered with the file system's code, and leaves nothing", () =>
  inService(async ({ folder, write }) => {
    const refused = await write(Buffer.from("x"), "x", "gone");
    expect(refused).toMatchObject({ number: 1, code: "ENOENT" });
    expect(readdirSync(join(folder, "tmp"))).toEqual([]);
    expect(await write(Buffer.from("x"), "x")).toMatchObject({ number: 2, result: expect.anything() });
  }));

test("files are linked but for those that are gone, which are told by their place in the list", () =>
  inService(async ({ folder, write, link }) => {
    await write(Buffer.from("x"), "a");
    const [from, to] = [join(folder, "new", "a"), (name: string) => join(folder, "new", name)];
    const answer = await link([
      { from, to: to("b") },
      { from: join(folder, "new", "gone"), to: to("c") },
      { from, to: to("d") },
      { from, to: to("b") },
    ]);
    const result = new Map([
      [1, "ENOENT"],
      [3, "EEXIST"],
    ]);
    expect(answer).toEqual({ number: 2, result });
    expect(readdirSync(join(folder, "new")).sort()).toEqual(["a", "b", "d"]);
  }));
