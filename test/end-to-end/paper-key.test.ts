import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, inflateSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { encode } from "uqr";
import { newMasterSeed, seedToWords } from "../../keyring/paper-key.ts";
import { postern, posternJson } from "../../rig/postern-process.ts";

let scratch: string;
let home: string;
let words: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "postern-paper-key-"));
  home = join(scratch, "home");
  await posternJson(scratch, "init", "--home", home, "--imap", "127.0.0.1:0", "--smtp", "127.0.0.1:0");
  words = (await posternJson<{ words: string }>(scratch, "paper-key", "--home", home)).words;
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const paperKey = (...options: string[]) => postern(scratch, "paper-key", "--home", home, ...options);

/** The chunks of a PNG by type; each has the right CRC. */
function chunksOf(png: Buffer): Map<string, Buffer> {
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const body = png.subarray(at + 4, at + 8 + length);
    expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(body));
    chunks.set(body.toString("latin1", 0, 4), body.subarray(4));
    at += 12 + length;
  }
  return chunks;
}

test("the sheets are one page and one picture of the words' QR code, for their owner alone; none is written over", async () => {
  const [pdf, png] = [join(scratch, "sheet.pdf"), join(scratch, "sheet.png")];
  expect(await paperKey("--pdf", pdf, "--png", png)).toMatchObject({ status: 0 });
  for (const file of [pdf, png]) expect(statSync(file).mode & 0o777).toBe(0o600);
  const page = readFileSync(pdf, "latin1");
  expect(page.startsWith("%PDF-")).toBe(true);
  expect(page.match(/\/Type \/Page\b/g)).toHaveLength(1);

  const chunks = chunksOf(readFileSync(png));
  expect([...chunks.keys()]).toEqual(["IHDR", "IDAT", "IEND"]);
  const { data, size } = encode(words, { ecc: "M", border: 4 });
  const side = chunks.get("IHDR")?.readUInt32BE(0) ?? 0;
  const scale = side / size;
  const rows = inflateSync(chunks.get("IDAT") ?? Buffer.alloc(0));
  const shown = data.map((modules, y) => modules.map((_, x) => rows[y * scale * (side + 1) + 1 + x * scale] === 0));
  expect(shown).toEqual(data);

  const again = await paperKey("--pdf", pdf);
  expect(again.status).not.toBe(0);
  expect(again.stderr).toMatch(/there is a file .*sheet\.pdf: name another one/);
});

/** What `--renew` says, in days from now. */
async function renewedFor(...options: string[]): Promise<number> {
  const command = ["paper-key", "--home", home, "--renew", ...options];
  const { renewedUntil } = await posternJson<{ renewedUntil: string }>(scratch, ...command);
  return (Date.parse(renewedUntil) - Date.now()) / 86_400_000;
}

test("words typed back are told right or wrong, also once they are no longer on this machine", async () => {
  const file = join(scratch, "words");
  const check = async (text: string) => {
    writeFileSync(file, text, { mode: 0o600 });
    return await paperKey("--check", "--words-file", file);
  };
  const list = words.split(" ");
  expect((await check(`${list.slice(0, 12).join("\n")}\n${list.slice(12).join("  ").toUpperCase()}\n`)).status).toBe(0);
  for (const wrong of [list.slice(1).join(" "), list.with(3, "postern").join(" "), ""])
    expect((await check(wrong)).stderr).toMatch(/not 24 words/);
  const others = await check(seedToWords(newMasterSeed((length) => Buffer.alloc(length, 7))));
  expect(others.stderr).toMatch(/not the one of this home/);
  expect((await paperKey("--forget", "--check")).stderr).toMatch(/one by one/);
  expect(await renewedFor()).toBeGreaterThan(364);
  expect((await paperKey("--forget")).status).toBe(0);
  expect((await check(words)).status).toBe(0);
  expect((await paperKey("--pdf", join(scratch, "late.pdf"))).stderr).toMatch(/only the paper has it/);

  // Gone from here, they are asked for where they are needed.
  expect((await check(words)).status).toBe(0);
  expect(await renewedFor("--words-file", file)).toBeGreaterThan(364);
  writeFileSync(file, seedToWords(newMasterSeed((length) => Buffer.alloc(length, 7))));
  expect((await paperKey("--renew", "--words-file", file)).stderr).toMatch(/another identity's paper key/);
});
