import * as fc from "fast-check";
import { systemClock } from "../../../foundation/clock.ts";
import { CommandReader, UnreadableCommand } from "../../../imap-front/wire/command-reader.ts";
import { ConnectionClosed, Input, LineTooLong } from "../../../imap-front/wire/input.ts";
import { Output } from "../../../imap-front/wire/output.ts";
import { SyntaxFailure } from "../../../imap-front/wire/scanner.ts";
import { octets, type Target } from "../target.ts";
import { clientStream } from "./client-stream.ts";
import { command, IMAP_TOKENS } from "./imap-grammar.ts";

const BOUNDS = {
  line: 8000,
  literals: 20,
  literalOctets: 4000,
  nesting: 64,
  discard: 100_000,
  annotation: 65_536,
  utf8Names: false,
};

async function readOne(reader: CommandReader, line: string): Promise<void> {
  try {
    const { name } = await reader.command(line);
    if (name === "APPEND")
      while (reader.messageSize !== undefined) {
        for await (const _ of reader.message());
        await reader.nextLine();
      }
  } catch (error) {
    if (!(error instanceof UnreadableCommand || error instanceof SyntaxFailure || error instanceof LineTooLong))
      throw error;
  }
}

/** Lines and literals become commands, however they are cut into packets; only the connection's end ends the reading. */
export const commands: Target = {
  name: "commands",
  seeds: [
    "a APPEND x {3+}\r\nabc {2+}\r\nde\r\nb NOOP\r\n",
    "a LOGIN {3}\r\nann {6+}\r\nsecret\r\n",
    "a NOOP\n\nb NOOP\r\n",
  ].map(octets),
  tokens: IMAP_TOKENS,
  structured: fc
    .array(command, { minLength: 1, maxLength: 4 })
    .map((all) => octets(all.map((text, index) => `t${index} ${text}\r\n`).join(""))),
  async run(said) {
    const stream = clientStream(said, 1 + (said.length % 97));
    const input = new Input(stream);
    const output = new Output(stream, systemClock, 1000, 1000);
    const reader = new CommandReader(input, output, BOUNDS);
    try {
      for (;;) {
        let line: string | undefined;
        try {
          line = await input.line(BOUNDS.line);
        } catch (error) {
          if (error instanceof LineTooLong) continue;
          throw error;
        }
        if (line === undefined) break;
        await readOne(reader, line);
        await reader.finish().catch((error: unknown) => {
          if (!(error instanceof LineTooLong)) throw error;
        });
      }
    } catch (error) {
      if (!(error instanceof ConnectionClosed)) throw error;
    } finally {
      stream.destroy();
    }
  },
};
