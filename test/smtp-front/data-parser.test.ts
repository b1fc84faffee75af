import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";
import { DataParser } from "../../smtp-front/data-parser.ts";

/** The messages that a parser finds in what a client sends, piece by piece, and the commands between them. */
async function parse(
  parser: SMTPStream,
  pieces: readonly Buffer[],
): Promise<{ commands: string[]; messages: string[] }> {
  const commands: string[] = [];
  const messages: string[] = [];
  parser.oncommand = (command, callback) => {
    commands.push(command.toString("latin1"));
    if (commands.at(-1) !== "DATA") return callback?.();
    const stream = parser.startDataMode(1e9);
    const octets: Buffer[] = [];
    stream.on("data", (piece: Buffer) => octets.push(piece));
    stream.on("end", () => {
      messages.push(Buffer.concat(octets).toString("latin1"));
      parser.continue();
    });
    // As a server, which asks somebody first.
    setImmediate(() => callback?.());
  };
  for (const piece of pieces) await new Promise<void>((resolve) => parser.write(piece, () => resolve()));
  await new Promise<void>((resolve) => parser.end(resolve));
  return { commands, messages };
}

const line = fc.oneof(
  fc.constantFrom(".", "..", "...", "", "\r", ".x", "x.", "."),
  fc.string({ unit: fc.constantFrom("a", ".", "\r", "\n"), maxLength: 12 }),
);

test("a message is what smtp-server's own parser finds, however it is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(line, { maxLength: 8 }), { minLength: 1, maxLength: 2 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
      async (messages, sizes) => {
        const sent = Buffer.from(messages.map((lines) => `DATA\r\n${lines.join("\r\n")}\r\n.\r\n`).join(""), "latin1");
        const pieces: Buffer[] = [];
        for (let at = 0; at < sent.length; at += pieces.at(-1)?.length ?? 1)
          pieces.push(sent.subarray(at, at + (sizes[pieces.length % sizes.length] ?? 1)));
        expect(await parse(new DataParser({}), pieces)).toEqual(await parse(new SMTPStream({}), pieces));
      },
    ),
    { numRuns: 1_000 },
  );
});

test("a message of nothing but its end ends there, however it is cut, and what follows are commands", async () => {
  for (const end of [".", ".\r"]) {
    const rest = ".\r\nabcd\r\n".slice(end.length);
    const pieces = ["DATA\r\n", end, rest, ".\r\n"].map((piece) => Buffer.from(piece));
    expect(await parse(new DataParser({}), pieces)).toEqual({ commands: ["DATA", "abcd", "."], messages: [""] });
  }
});
