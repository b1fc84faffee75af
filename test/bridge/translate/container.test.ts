import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { MalformedOverlayMessage } from "../../../bridge/translate/container.ts";
import { ContainerReader } from "../../../bridge/translate/container-reader.ts";
import { writeContainer } from "../../../bridge/translate/container-writer.ts";

async function* cut(bytes: Uint8Array, piece: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(Buffer.from(chunk));
  return Buffer.concat(all);
}

const encode = (body: Uint8Array, piece = 65_536) => collect(writeContainer(Buffer.from("A: b\r\n"), cut(body, piece)));

async function decode(message: Uint8Array, piece = 65_536): Promise<{ header: Buffer; body: Buffer }> {
  const reader = new ContainerReader(cut(message, piece));
  const header = Buffer.from(await reader.header());
  return { header, body: await collect(reader.body()) };
}

function base64(octets: Uint8Array, lineLength = 76, lineEnd = "\r\n"): string {
  const text = Buffer.from(octets).toString("base64");
  return (text.match(new RegExp(`.{1,${lineLength}}`, "g")) ?? []).map((line) => line + lineEnd).join("");
}

const random = (length: number) =>
  Buffer.from(Array.from({ length }, (_, index) => ((index * 2_654_435_761) >>> 13) & 255));

test("an attachment shrinks by more than a quarter", async () => {
  const body = Buffer.from(`--b\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(random(500_000))}--b--\r\n`);
  const message = await encode(body);
  expect(message.length / body.length).toBeLessThan(0.735);
  expect((await decode(message)).body).toEqual(body);
});

test.each([
  ["nothing", ""],
  ["a line without an end", "abcd"],
  ["LF line ends", base64(random(1_000), 60, "\n")],
  ["line ends that change", `${base64(random(1_000))}${base64(random(1_000), 76, "\n")}`],
  ["a short last line", `${base64(random(1_000))}\r\nend`],
  ["a last line without its end", base64(random(1_000)).slice(0, -2)],
  ["a last line with half its end", base64(random(1_000)).slice(0, -1)],
  ["padding in the middle", `${base64(random(400))}${base64(random(400))}`],
  [
    "padding in the middle of full lines",
    `${"QUJD".repeat(19)}\r\n`.repeat(9) + `${"QUJD".repeat(18)}QQ==\r\n` + `${"QUJD".repeat(19)}\r\n`.repeat(9),
  ],
  ["bits that no encoder sets", `${"QUJD".repeat(19)}\r\n`.repeat(9) + `${"QUJD".repeat(18)}QR==\r\n`],
  ["a line of padding alone", `${"QUJD".repeat(19)}\r\n`.repeat(9) + "====\r\n"],
  ["one long base64 line", `${random(30_000).toString("base64")}\r\n`],
  ["a line of a megabyte", `${"A".repeat(1_000_000)}\r\n`],
  ["lines of 996", base64(random(50_000), 996)],
  ["lines of 1000", base64(random(50_000), 1_000)],
  ["lines of 4", base64(random(5_000), 4)],
  ["the alphabet of URLs", "ab-_".repeat(19).concat("\r\n").repeat(20)],
  ["text that happens to look like it", "wordwordword\r\nwordwordword\r\nword word\r\n"],
  ["NUL and bare CR", "\0\r\r\n\r\0\n"],
  ["more than one segment of a run", base64(random(300_000), 72)],
])("%s comes out as it went in, however it is cut", async (_what, text) => {
  const body = Buffer.from(text, "latin1");
  const message = await encode(body);
  for (const piece of [65_536, 1_000, 7]) {
    expect((await encode(body, piece)).equals(message)).toBe(true);
    expect((await decode(message, piece)).body.equals(body)).toBe(true);
  }
  expect((await decode(message)).header.toString()).toBe("A: b\r\n");
});

test("any body comes out as it went in", async () => {
  const line = fc
    .tuple(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(4, 60, 64, 76), fc.constantFrom("\n", "\r\n"))
    .map(([octets, length, end]) => base64(octets, length, end));
  const odd = fc.constantFrom("\r\n", "\n", "\r", "=", "QQ==\r\n", "QR==\r\n", "QUJD\r\n", "A", "--b\r\n", "\0", " ");
  const texts = fc
    .array(fc.oneof(line, odd), { maxLength: 12 })
    .map((pieces) => Buffer.from(pieces.join(""), "latin1"));
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(texts, fc.uint8Array({ maxLength: 500 })),
      fc.integer({ min: 1, max: 300 }),
      async (body, piece) => {
        const decoded = await decode(await encode(body, piece), piece);
        expect(decoded.body.equals(Buffer.from(body))).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});

const HEAD = Buffer.concat([Buffer.from("PSTM\x01"), Buffer.from([0, 0, 0, 0])]);

test.each([
  ["nothing", Buffer.alloc(0)],
  ["another magic", Buffer.from("PSTN\x01\0\0\0\0\0")],
  ["a later version", Buffer.from("PSTM\x02\0\0\0\0\0")],
  ["a header above the limit", Buffer.concat([Buffer.from("PSTM\x01"), Buffer.from([0x7f, 0, 0, 0])])],
  ["no end", HEAD],
  ["an unknown segment", Buffer.concat([HEAD, Buffer.from([9, 0])])],
  ["an empty segment", Buffer.concat([HEAD, Buffer.from([1, 0, 0, 0, 0, 0])])],
  ["a segment above the limit", Buffer.concat([HEAD, Buffer.from([1, 0, 1, 0, 1])])],
  ["a segment cut short", Buffer.concat([HEAD, Buffer.from([1, 0, 0, 0, 5, 1, 2])])],
  ["a line length of zero", Buffer.concat([HEAD, Buffer.from([2, 0, 0, 2, 0, 0, 0, 1, 65, 0])])],
  ["a line length that is no multiple of four", Buffer.concat([HEAD, Buffer.from([2, 0, 7, 2, 0, 0, 0, 1, 65, 0])])],
  ["a line length above the limit", Buffer.concat([HEAD, Buffer.from([2, 3, 232, 2, 0, 0, 0, 1, 65, 0])])],
  ["an unknown line end", Buffer.concat([HEAD, Buffer.from([2, 0, 4, 3, 0, 0, 0, 1, 65, 0])])],
  ["something behind the end", Buffer.concat([HEAD, Buffer.from([0, 0])])],
])("%s is malformed", async (_what, bytes) => {
  await expect(decode(bytes)).rejects.toThrow(MalformedOverlayMessage);
  await expect(decode(bytes, 1)).rejects.toThrow(MalformedOverlayMessage);
});

test.each([
  ["nothing is wrong in it", (text: string) => text],
  ["a line in the middle is no base64", (text: string) => `${text.slice(0, 130_000)}*${text.slice(130_001)}`],
  [
    "a line is one shorter and the next one longer",
    (text: string) => text.replace(/(.)\r\n(.{76})(?=\r\nQ)/, "\r\n$1$2"),
  ],
  ["a line is padded in the middle", (text: string) => `${text.slice(0, 77_998)}==\r\n${text.slice(78_002)}`],
  ["a line end stands inside a line", (text: string) => `${text.slice(0, 100_010)}\r\n${text.slice(100_012)}`],
  ["a bare CR stands inside a line", (text: string) => `${text.slice(0, 100_010)}\r${text.slice(100_011)}`],
  ["other text follows at once", (text: string) => `${text}--b--\r\n`],
])("an attachment in large pieces becomes what it does line by line: %s", async (_, change) => {
  for (const lineEnd of ["\r\n", "\n"]) {
    const body = Buffer.from(change(base64(random(120_000))).replaceAll("\r\n", lineEnd), "latin1");
    const whole = await encode(body, body.length);
    expect((await encode(body, 16_383)).equals(whole)).toBe(true);
    expect((await encode(body, 511)).equals(whole)).toBe(true);
    expect((await decode(whole)).body.equals(body)).toBe(true);
  }
});

test("any octets are an overlay message or malformed, nothing else", async () => {
  const good = await encode(Buffer.from(base64(random(600))));
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (at, value) => {
      const changed = Buffer.from(good);
      changed[at] = value;
      await decode(changed).catch((error: unknown) => expect(error).toBeInstanceOf(MalformedOverlayMessage));
      await decode(good.subarray(0, at)).catch((error: unknown) =>
        expect(error).toBeInstanceOf(MalformedOverlayMessage),
      );
    }),
  );
});

test("50 MB go through both ways with flat memory", async () => {
  const chunk = Buffer.from(base64(random(57 * 1_000)));
  const chunks = Math.ceil(50_000_000 / chunk.length);
  async function* body() {
    for (let sent = 0; sent < chunks; sent++) yield chunk;
  }
  const reader = new ContainerReader(writeContainer(Buffer.alloc(0), body()));
  await reader.header();
  const before = process.memoryUsage().rss;
  let highest = 0;
  let octets = 0;
  for await (const piece of reader.body()) {
    octets += piece.length;
    highest = Math.max(highest, process.memoryUsage().rss);
  }
  expect(octets).toBe(chunks * chunk.length);
  expect(highest - before).toBeLessThan(80_000_000);
});
