import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { expect, test } from "@jest/globals";
import { encodeBech32 } from "../../maildir/age/bech32.ts";
import { decodeHeader } from "../../maildir/age/header.ts";
import type { AgeIdentity } from "../../maildir/age/identity.ts";
import { AgeOpener } from "../../maildir/age/opener.ts";
import { VaultKey } from "../../maildir/age/vault-key.ts";
import { X25519Identity } from "../../maildir/age/x25519.ts";
import { ContentFerry } from "../../maildir/content-ferry.ts";
import {
  type FileLink,
  type LargeLetterOrder,
  type LetterAnswer,
  type LetterOrder,
  type LinkOrder,
  serveLetters,
} from "../../maildir/letter-service.ts";
import { FERRY_PIECE, FERRY_PIECES, PREPARED_KEYS } from "../../maildir/limits.ts";
import { writeMessage } from "../../maildir/message-writer.ts";
import { decodeTrailer, TRAILER_SIZE } from "../../maildir/padding.ts";

const vaultKey = Buffer.alloc(32, 7);
const recovery = new X25519Identity(encodeBech32("age-secret-key-", Buffer.alloc(32, 9)));

interface Service {
  readonly folder: string;
  /** Writes a letter into a directory of the folder. */
  readonly write: (octets: Uint8Array, name: string, directory?: string) => Promise<LetterAnswer>;
  /** The same for a large one, whose octets go by a ferry. */
  readonly writeLarge: (name: string, directory?: string) => { answer: Promise<LetterAnswer>; ferry: ContentFerry };
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
  const order = (
    given: Omit<LetterOrder, "number"> | Omit<LargeLetterOrder, "number"> | Omit<LinkOrder, "number">,
    transferred: MessagePort[] = [],
  ): Promise<LetterAnswer> => {
    const number = answers.size + 1;
    own.postMessage({ number, ...given }, transferred);
    return new Promise((resolve) => answers.set(number, resolve));
  };
  const placeOf = (name: string, directory: string) => ({
    internalDate: 1e12,
    emailId: "a".repeat(16),
    temporary: join(folder, "tmp", name),
    path: join(folder, directory, name),
  });
  try {
    await work({
      folder,
      write: (octets, name, directory = "new") =>
        order({ letter: { octets, ...placeOf(name, directory) }, directory: join(folder, directory) }),
      writeLarge: (name, directory = "new") => {
        const { port1, port2 } = new MessageChannel();
        const large = { large: placeOf(name, directory), octets: port2, directory: join(folder, directory) };
        return { answer: order(large, [port2]), ferry: new ContentFerry(port1) };
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

test("a large letter is the one that is pushed, however it is cut, with all that becomes known of it", () =>
  inService(async ({ folder, writeLarge }) => {
    const header = Buffer.from("Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
    const part = Buffer.concat([Buffer.from("--b\r\n\r\n"), randomBytes(3 * FERRY_PIECES * FERRY_PIECE + 5)]);
    const octets = Buffer.concat([header, part, Buffer.from("\r\n--b--\r\n")]);
    const { answer, ferry } = writeLarge("large");
    for (let at = 0, length = 1; at < octets.length; at += length, length = (length * 7) % 1_000_003)
      expect(await ferry.push(octets.subarray(at, at + length))).toBe(true);
    ferry.end();
    const place = { temporary: join(folder, "here"), path: join(folder, "here too") };
    const { contentHash, ...known } = await writeMessage({
      ...place,
      content: (async function* () {
        yield octets;
      })(),
      recipients: [new VaultKey(vaultKey)],
      internalDate: 1e12,
      emailId: "a".repeat(16),
      syncDirectory: async () => undefined,
    });
    const result = { ...known, contentHash: Uint8Array.from(contentHash), header: Uint8Array.from(header) };
    expect(await answer).toEqual({ number: 1, result });
    expect(contentHash).toEqual(createHash("sha256").update(octets).digest());
    const plaintext = await contentOf(readFileSync(join(folder, "new", "large")), recovery);
    expect(plaintext.subarray(0, octets.length).equals(octets)).toBe(true);
    expect(plaintext.equals(await contentOf(readFileSync(place.path), new VaultKey(vaultKey)))).toBe(true);
    ferry.close();
  }));

test("of a large letter whose rest does not come nothing is left", () =>
  inService(async ({ folder, writeLarge }) => {
    const { answer, ferry } = writeLarge("cut off");
    await ferry.push(Buffer.alloc(FERRY_PIECE + 1));
    ferry.close();
    expect(await answer).toMatchObject({ number: 1, code: expect.anything() });
    expect(["tmp", "new"].flatMap((directory) => readdirSync(join(folder, directory)))).toEqual([]);
  }));

test("who pushes a large letter that cannot be written does not wait for ever", () =>
  inService(async ({ folder, writeLarge }) => {
    const { answer, ferry } = writeLarge("x", "gone");
    ferry.end();
    expect(await answer).toMatchObject({ number: 1, code: "ENOENT" });
    expect(readdirSync(join(folder, "tmp"))).toEqual([]);
    let taken = 0;
    while (await ferry.push(Buffer.alloc(FERRY_PIECE))) expect(++taken).toBeLessThanOrEqual(FERRY_PIECES);
  }));
