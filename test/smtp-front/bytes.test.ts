import { afterAll, beforeAll, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { createTransport } from "nodemailer";
import { inPieces } from "../../foundation/content.ts";
import type { SubmissionSink } from "../../smtp-front/submission.ts";
import { FakeSink, startTestServer, Talk } from "./harness.ts";

const sink = new FakeSink();
let server: Awaited<ReturnType<typeof startTestServer>>;

beforeAll(async () => {
  server = await startTestServer(sink);
});

afterAll(() => server.stop());

/** Dot-stuffing as RFC 5321 section 4.5.2 has it. */
function stuff(content: string): string {
  return content.replace(/(^|\r\n)\./g, "$1..");
}

async function send(talk: Talk, content: string, piece = content.length + 5): Promise<Buffer | undefined> {
  await talk.ask("MAIL FROM:<ann@x.example>");
  await talk.ask("RCPT TO:<bob@y.example>");
  await talk.ask("DATA");
  const wire = Buffer.from(`${stuff(content)}.\r\n`, "latin1");
  for (let at = 0; at < wire.length; at += piece) {
    talk.socket.write(wire.subarray(at, at + piece));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await talk.reply()).toMatch(/^250 2\.6\.0 /);
  return sink.taken.pop()?.content;
}

test.each([
  ["an empty message", ""],
  ["an empty line", "\r\n"],
  ["a line of one dot", ".\r\n"],
  ["lines that begin with dots", ".a\r\n..b\r\n...\r\n.\r\nend\r\n"],
  ["bare line feeds", "a\nb\n\nc\r\n"],
  ["bare carriage returns", "a\rb\r\r\nc\r\n"],
  ["a dot between bare line feeds", "a\n.\nb\n.\r\nc\r\n"],
  ["octets above 127 and NUL", "\0\x80\xff\xfe\r\n\0\r\n"],
  ["a line of a megabyte", `${"x".repeat(1_000_000)}\r\n`],
  ["blanks at line ends", "a \r\n\t\r\n \r\n"],
])("%s comes through octet for octet", async (_what, content) => {
  const talk = await Talk.ready(server.port);
  expect((await send(talk, content))?.toString("latin1")).toBe(content);
  expect(await send(talk, content.slice(0, 2_000).replace(/(\r\n)?$/, "\r\n"), 1)).toBeDefined();
  talk.end();
});

test("any message comes through octet for octet, however it is cut", async () => {
  const talk = await Talk.ready(server.port);
  const piece = fc.constantFrom(".", "..", "\r\n", "\r\n.", "\n", "\r", "a", "\0", "\xff", " ");
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 25 }), fc.integer({ min: 1, max: 9 }), async (pieces, cut) => {
      // A dot after a bare line feed is the one thing smtp-server takes for stuffed, as most clients do stuff it.
      const content = `${pieces.join("").replace(/(?<!\r)\n\.+/g, "\n.")}\r\n`;
      expect((await send(talk, content, cut))?.toString("latin1")).toBe(content);
    }),
    { numRuns: 80 },
  );
  talk.end();
});

test("50 MB stream to the sink with flat memory", async () => {
  let octets = 0;
  let highest = 0;
  const counting: SubmissionSink = {
    sizeLimit: 100_000_000,
    checkSender: async () => undefined,
    checkRecipient: async () => undefined,
    async submit({ content }) {
      for await (const chunk of inPieces(content)) {
        octets += chunk.length;
        highest = Math.max(highest, process.memoryUsage().rss);
      }
      return { id: "1" };
    },
  };
  const big = await startTestServer(counting);
  const talk = await Talk.ready(big.port);
  await talk.ask("MAIL FROM:<ann@x.example>");
  await talk.ask("RCPT TO:<bob@y.example>");
  await talk.ask("DATA");
  const before = process.memoryUsage().rss;
  const chunk = Buffer.from(`${"A".repeat(76)}\r\n`.repeat(800));
  const chunks = 802;
  for (let sent = 0; sent < chunks; sent++) {
    if (!talk.socket.write(chunk)) await new Promise((resolve) => talk.socket.once("drain", resolve));
  }
  expect(await talk.ask(".")).toMatch(/^250 2\.6\.0 /);
  expect(octets).toBe(chunks * chunk.length);
  expect(highest - before).toBeLessThan(60_000_000);
  talk.end();
  await big.stop();
}, 30_000);

test.each([true, false])("nodemailer sends with attachment and notification (TLS first: %s)", async (secure) => {
  const transport = createTransport({
    host: "127.0.0.1",
    port: server.port,
    secure,
    requireTLS: !secure,
    auth: { user: "ann", pass: "secret" },
    tls: { rejectUnauthorized: false },
  });
  const info = await transport.sendMail({
    from: "ann@x.example",
    to: "bob@y.example",
    subject: "Grüße",
    text: ".dot\n..dots\nend",
    attachments: [{ filename: "a.bin", content: Buffer.alloc(100_000, 7) }],
    dsn: { id: "envelope", return: "headers", notify: ["success", "failure"], recipient: "ann@x.example" },
  });
  expect(info.response).toMatch(/^250 2\.6\.0 Accepted as message-/);
  const taken = sink.taken.pop();
  expect(taken).toMatchObject({ ret: "hdrs", envid: "envelope", recipients: [{ notify: ["success", "failure"] }] });
  expect(taken?.content.toString("latin1")).toContain("\r\n.dot\r\n..dots\r\nend\r\n");
  transport.close();
});
