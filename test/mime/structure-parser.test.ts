import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { MimeLimits } from "../../mime/limits.ts";
import type { Part } from "../../mime/part.ts";
import { StructureParser } from "../../mime/structure-parser.ts";

function parse(message: string | Uint8Array, limits?: Partial<MimeLimits>) {
  const parser = new StructureParser(limits);
  parser.push(typeof message === "string" ? Buffer.from(message, "latin1") : message);
  return parser.end();
}

function bodies(message: string, part: Part): unknown {
  const own = message.slice(part.bodyStart, part.bodyEnd);
  if (part.children !== undefined) return part.children.map((child) => bodies(message, child));
  if (part.message !== undefined) return { message: bodies(message, part.message) };
  return own;
}

const lines = (...text: string[]) => text.join("\r\n");

const MULTIPART = "Content-Type: multipart/mixed; boundary=b";

test("offsets and lines of a plain message are exact", () => {
  const message = lines("Subject: x", "", "one", "two", "");
  const { root, header } = parse(message);
  expect(root).toMatchObject({ headerStart: 0, bodyStart: 14, bodyEnd: 24, lines: 2, type: "text", subtype: "plain" });
  expect(header.toString()).toBe("Subject: x\r\n\r\n");
});

test("a last line without an end counts as a line", () => {
  expect(parse("\r\na\r\nb").root.lines).toBe(2);
  expect(parse("\n\n").root.lines).toBe(1);
  expect(parse("\n").root.lines).toBe(0);
});

const SHAPES: readonly [fact: string, message: string, expected: unknown][] = [
  [
    "the line end before a boundary belongs to the boundary",
    lines(MULTIPART, "", "preamble", "--b", "", "one", "--b", "", "two", "", "--b--", "epilogue"),
    ["one", "two\r\n"],
  ],
  ["bare line feeds end lines too", `${MULTIPART}\n\n--b\n\none\n--b\n\ntwo\n--b--\n`, ["one", "two"]],
  ["blanks after a boundary are transport padding", lines(MULTIPART, "", "--b \t", "", "one", "--b-- "), ["one"]],
  ["a missing last boundary ends the part with the message", lines(MULTIPART, "", "--b", "", "one", ""), ["one\r\n"]],
  ["a part may have an empty body", lines(MULTIPART, "", "--b", "A: b", "", "--b", "", "--b--", ""), ["", ""]],
  ["a part whose header never ends has no body", lines(MULTIPART, "", "--b", "A: b", "--b--", ""), [""]],
  [
    "a boundary that begins with another is told apart",
    lines(
      "Content-Type: multipart/mixed; boundary=b",
      "",
      "--b",
      "Content-Type: multipart/alternative; boundary=b1",
      "",
      "--b1",
      "",
      "x",
      "--b1",
      "",
      "y",
      "--b1--",
      "--b",
      "",
      "z",
      "--b--",
    ),
    [["x", "y"], "z"],
  ],
  [
    "an outer boundary ends inner parts that were never closed",
    lines(
      MULTIPART,
      "",
      "--b",
      "Content-Type: multipart/mixed; boundary=c",
      "",
      "--c",
      "",
      "x",
      "--b",
      "",
      "y",
      "--b--",
    ),
    [["x"], "y"],
  ],
  ["a multipart without any part is a leaf", lines(MULTIPART, "", "nothing here"), "nothing here"],
  [
    "a multipart without a boundary is a leaf",
    lines("Content-Type: multipart/mixed", "", "--", "", "x"),
    "--\r\n\r\nx",
  ],
  [
    "a boundary may be split as RFC 2231 says",
    lines('Content-Type: multipart/mixed; boundary*0="b"; boundary*1=c', "", "--bc", "", "x", "--bc--"),
    ["x"],
  ],
  [
    "the same boundary twice closes the inner multipart first",
    lines(MULTIPART, "", "--b", MULTIPART, "", "--b", "", "x", "--b--", "--b", "", "y", "--b--"),
    [["x"], "y"],
  ],
  [
    "a message inside a message has parts of its own",
    lines(
      MULTIPART,
      "",
      "--b",
      "Content-Type: message/rfc822",
      "",
      "Subject: inner",
      "Content-Type: multipart/mixed; boundary=c",
      "",
      "--c",
      "",
      "deep",
      "--c--",
      "--b--",
    ),
    [{ message: ["deep"] }],
  ],
  [
    "a base64 message is not looked into",
    lines("Content-Type: message/rfc822", "Content-Transfer-Encoding: base64", "", "QQ=="),
    "QQ==",
  ],
  ["nothing at all is an empty message", "", ""],
  ["text after the closing boundary is no part", lines(MULTIPART, "", "--b", "", "x", "--b--", "--b", "", "y"), ["x"]],
];

test.each(SHAPES)("%s", (_fact, message, expected) => {
  expect(bodies(message, parse(message).root)).toEqual(expected);
});

test("a message inside has its own envelope and offsets", () => {
  const inner = lines("Subject: inner", "From: a@b", "", "text");
  const message = lines("Content-Type: message/rfc822", "", inner);
  const { root } = parse(message);
  expect(root.message).toMatchObject({ headerStart: 32, bodyStart: 32 + 29, bodyEnd: message.length, lines: 1 });
  expect(root.message?.envelope).toContain('"inner"');
  expect(root.lines).toBe(4);
});

test("a part of a digest is a message unless it says otherwise", () => {
  const message = lines("Content-Type: multipart/digest; boundary=b", "", "--b", "", "Subject: s", "", "x", "--b--");
  expect(parse(message).root.children?.[0]).toMatchObject({ type: "message", subtype: "rfc822" });
  expect(parse(message).root.children?.[0]?.message?.envelope).toContain('"s"');
});

test("content fields are read as they are, whatever is broken", () => {
  const { root } = parse(
    lines(
      'content-type: Image/PNG (a picture); NAME="a\\"b.png"; broken; x=y z;;',
      "Content-Transfer-Encoding: BASE64 ",
      "Content-Disposition: Attachment; filename*=utf-8''%e2%82%ac",
      "Content-ID: <1@x>",
      "Content-Description: folded",
      " text",
      "Content-Language: de, en",
      "Content-Location: http://x/",
      "Content-MD5: abc==",
      "",
      "",
    ),
  );
  expect(root).toMatchObject({
    type: "image",
    subtype: "png",
    parameters: [
      ["NAME", 'a"b.png'],
      ["x", "y z"],
    ],
    encoding: "base64",
    disposition: { kind: "attachment", parameters: [["filename*", "utf-8''%e2%82%ac"]] },
    id: "<1@x>",
    description: "folded text",
    language: ["de", "en"],
    location: "http://x/",
    md5: "abc==",
  });
});

test.each(["", "text", "/", "a/b/c", "text/", ";;", "te xt/plain", "\0/\0", "text/pl\xe4in"])(
  "the broken content type %j is text/plain",
  (type) => {
    expect(parse(`Content-Type: ${type}\r\n\r\n`).root).toMatchObject({ type: "text", subtype: "plain" });
  },
);

test("a header above the limit ends where the limit is reached, and the rest is body", () => {
  const message = `A: ${"x".repeat(100)}\r\nB: ${"y".repeat(100)}\r\n\r\nbody`;
  const { root, header } = parse(message, { headerOctets: 150 });
  expect(header.toString()).toBe(message.slice(0, 105));
  expect(root).toMatchObject({ bodyStart: 105, bodyEnd: message.length, lines: 3 });
});

test("a header line of 200 KB is taken", () => {
  const message = `To: ${"a@b.example, ".repeat(15_000)}x@y\r\n\r\nbody`;
  const { root, header } = parse(message);
  expect(header.length).toBe(message.length - 4);
  expect(root.envelope?.length).toBeGreaterThan(200_000);
});

function nested(depth: number): string {
  let message = "";
  for (let level = 0; level < depth; level++)
    message += `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`;
  return `${message}\r\nleaf`;
}

function depthOf(part: Part): number {
  return 1 + Math.max(0, ...(part.children ?? []).map(depthOf), part.message === undefined ? 0 : depthOf(part.message));
}

test("parts nested deeper than the limit are leaves", () => {
  expect(depthOf(parse(nested(50)).root)).toBe(51);
  expect(depthOf(parse(nested(500)).root)).toBe(100);
  expect(depthOf(parse("Content-Type: message/rfc822\r\n\r\n".repeat(500)).root)).toBe(100);
});

test("of a million parts those up to the limit are parts, and the last one takes the rest", () => {
  const message = `${MULTIPART}\r\n\r\n${"--b\r\n\r\nx\r\n".repeat(1_000_000)}--b--\r\n`;
  const { root } = parse(message);
  expect(root.children).toHaveLength(9_999);
  expect(root.children?.at(-1)?.bodyEnd).toBe(message.length);
});

test("50 MB stream through with flat memory", () => {
  const chunk = Buffer.from(`${"A".repeat(76)}\r\n`.repeat(800));
  const parser = new StructureParser();
  parser.push(Buffer.from(`${MULTIPART}\r\n\r\n--b\r\n\r\n`));
  const before = process.memoryUsage().rss;
  for (let sent = 0; sent < 50_000_000; sent += chunk.length) parser.push(chunk);
  expect(process.memoryUsage().rss - before).toBeLessThan(32_000_000);
  expect(parser.end().root.children?.[0]?.lines).toBe(802 * 800);
});

test("50 MB without a single line end stream through as well", () => {
  const parser = new StructureParser();
  parser.push(Buffer.alloc(50_000_000, "x"));
  const { root, header } = parser.end();
  expect(header).toHaveLength(1_048_576);
  expect(root).toMatchObject({ bodyEnd: 50_000_000, lines: 1 });
});

const snippet = fc.constantFrom(
  "--b",
  "--b--",
  "--c",
  "--c--",
  "--",
  "\r\n",
  "\n",
  "\r",
  "\r\n\r\n",
  " ",
  "\0",
  "x",
  "A: b\r\n",
  "é",
  `${MULTIPART}\r\n`,
  "Content-Type: multipart/digest; boundary=c\r\n",
  "Content-Type: message/rfc822\r\n\r\n",
  "Content-Type:",
  "Subject: s\r\n",
  "\t",
  '"',
  "(",
  ";",
  "y".repeat(100),
);
const nasty = fc
  .array(snippet, { maxLength: 60 })
  .map((pieces) => Buffer.from(`${MULTIPART}\r\n${pieces.join("")}`, "latin1"));

function expectConsistent(part: Part, from: number, to: number): void {
  expect(part.headerStart).toBeGreaterThanOrEqual(from);
  expect(part.bodyStart).toBeGreaterThanOrEqual(part.headerStart);
  expect(part.bodyEnd).toBeGreaterThanOrEqual(part.bodyStart);
  expect(part.bodyEnd).toBeLessThanOrEqual(to);
  let last = part.bodyStart;
  for (const child of [...(part.children ?? []), ...(part.message === undefined ? [] : [part.message])]) {
    expectConsistent(child, last, part.bodyEnd);
    last = child.bodyEnd;
  }
}

function countLines(message: Buffer, part: Part): number {
  const body = message.subarray(part.bodyStart, part.bodyEnd).toString("latin1");
  return body.split("\n").length - (body === "" || body.endsWith("\n") ? 1 : 0);
}

function expectLines(message: Buffer, part: Part): void {
  expect(part.lines).toBe(countLines(message, part));
  for (const child of part.children ?? []) expectLines(message, child);
  if (part.message !== undefined) expectLines(message, part.message);
}

test("whatever comes, children lie within their parents and lines are counted right", () => {
  fc.assert(
    fc.property(fc.oneof(nasty, fc.uint8Array({ maxLength: 300 })), (bytes) => {
      const { root } = parse(bytes);
      expectConsistent(root, 0, bytes.length);
      expect(root.bodyEnd).toBe(bytes.length);
      expectLines(Buffer.from(bytes), root);
    }),
    { numRuns: 1_000 },
  );
});

test("how the octets are cut never changes the tree", () => {
  fc.assert(
    fc.property(nasty, fc.array(fc.nat(40), { maxLength: 30 }), (bytes, cuts) => {
      const parser = new StructureParser();
      let at = 0;
      for (const cut of cuts) {
        parser.push(bytes.subarray(at, at + cut));
        at += cut;
      }
      parser.push(bytes.subarray(at));
      expect(parser.end()).toEqual(parse(bytes));
    }),
    { numRuns: 500 },
  );
});

test("long lines are cut alike however they come", () => {
  const message = Buffer.from(
    `Subject: ${"x".repeat(70_000)}\r\n${MULTIPART}\r\n\r\n${"y".repeat(65_535)}\r\n--b\r\n\r\n${"z".repeat(65_535)}\r\n--b--`,
  );
  const whole = parse(message);
  const parser = new StructureParser();
  for (let at = 0; at < message.length; at += 997) parser.push(message.subarray(at, at + 997));
  expect(parser.end()).toEqual(whole);
  const [child] = whole.root.children ?? [];
  expect((child?.bodyEnd ?? 0) - (child?.bodyStart ?? 0)).toBe(65_535);
});
