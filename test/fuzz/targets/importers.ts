import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { detectSource } from "../../../maildir/import/detect.ts";
import { parseKeywordsFile } from "../../../maildir/keywords-file.ts";
import { octets, type Target } from "../target.ts";

const FIELDS = "Status: RO|X-Status: AF|X-Keywords: a b|Subject: x|Date: Mon, 23 Nov 2026 10:00:00 +0000|From x";
const TOKENS = [
  "From a Mon Nov 23 10:00:00 2026\n",
  "From ",
  "From - \n",
  ">From ",
  ">>From x\n",
  "\n\n",
  "\r\n\r\n",
  ...FIELDS.split("|"),
];

/** One folder for all inputs, gone with the process. */
let folder: string | undefined;

function fileWith(input: Buffer): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), "postern-fuzz-"));
    folder = made;
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  }
  const path = join(folder, "mbox");
  const file = openSync(path, "w");
  ftruncateSync(file);
  writeSync(file, input);
  closeSync(file);
  return path;
}

/** What is read as an mbox or one message: never more octets than the file has, in messages that come to an end. */
export const importers: Target = {
  name: "importers",
  seeds: [
    "From a Mon Nov 23 10:00:00 2026\nStatus: RO\n\nbody\n>From x\n\nFrom b Mon Nov 23 10:00:00 2026\n\nx\n",
    "From - \r\nX-Keywords: a\r\n\r\nbody\r\n\r\nFrom - \r\n\r\n",
    "0 a\n1 b\n26 c\n",
  ].map(octets),
  tokens: TOKENS,
  structured: fc
    .array(fc.oneof(fc.constantFrom(...TOKENS), fc.string({ maxLength: 10 })), { maxLength: 20 })
    .map((texts) => octets(`From a Mon Nov 23 10:00:00 2026\n${texts.join("")}`)),
  async run(input) {
    parseKeywordsFile(input.toString("latin1"));
    const { messages } = await detectSource(fileWith(input));
    let size = 0;
    for await (const message of messages) for await (const piece of message.content) size += piece.length;
    // An .eml file's line ends become CRLF.
    if (size > 2 * input.length) throw new Error(`${size} octets came from a file of ${input.length}`);
  },
};
