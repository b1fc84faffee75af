import * as fc from "fast-check";
import { MalformedOverlayMessage } from "../../../bridge/translate/container.ts";
import { writeContainer } from "../../../bridge/translate/container-writer.ts";
import { translateIncoming } from "../../../bridge/translate/incoming.ts";
import { formatAddress } from "../../../foundation/address.ts";
import { octets, type Target } from "../target.ts";
import { LABEL } from "./some-person.ts";

const FROM = formatAddress("mail", LABEL);
const CONTEXT = {
  from: { address: FROM, petname: "Bob" },
  ownAddress: "mail@own.postern.alt",
  state: "invited",
  petname: () => undefined,
};
/** Octets that the header's own fields and the names of claimed ones may add. */
const ADDED = 20_000;

async function* pieces(...bytes: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* bytes;
}

async function collect(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of content) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

/** An overlay message in two pieces is malformed, or becomes a message that says who sent it, once, whoever reads it. */
async function read(message: Buffer): Promise<void> {
  const half = message.length >> 1;
  let shown: Buffer;
  try {
    shown = await collect(translateIncoming(pieces(message.subarray(0, half), message.subarray(half)), CONTEXT));
  } catch (error) {
    if (error instanceof MalformedOverlayMessage) return;
    throw error;
  }
  if (shown.length > 2 * message.length + ADDED) throw new Error(`${shown.length} octets from ${message.length}`);
  const head = shown.toString("latin1", 0, shown.indexOf("\r\n\r\n"));
  const lines = head.split(/\r\n|[\r\n]/).filter((line) => !/^[ \t]/.test(line));
  const named = (name: RegExp) => lines.filter((line) => name.test(line));
  if (named(/^\s*from\s*:/i).join() !== `From: "Bob" <${FROM}>`) throw new Error("another From");
  if (named(/^\s*authentication-results\s*:/i).length !== 1) throw new Error("a second Authentication-Results");
  if (named(/^\s*(?:sender|reply-to|resent-[a-z]+|return-path)\s*:/i).length > 0) throw new Error("another sender");
}

const container = (header: string, ...segments: Buffer[]) =>
  Buffer.concat([octets("PSTM\x01"), length(header.length), octets(header), ...segments, Buffer.of(0)]);

function length(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const FIELDS = [
  "From: a@b.c\r\n",
  `From: ${FROM}\r\n`,
  `Sender: x <${FROM}>\r\n`,
  "Reply-To: thief@evil.example\r\n",
  "Authentication-Results: postern.alt; x-postern=pass\r\n",
  "Subject: =?utf-8?q?a?=\r\n b\r\n",
  "To: a@b.c, g: d@e.f;\r\n",
  "Message-ID: <a@b>\r\n",
  "References: <a@b> <c@d>\r\n",
  "Date: Mon, 23 Nov 2026 13:00:00 +0100\r\n",
  "Content-Type: multipart/mixed; boundary=b\r\n",
  "\r\n",
  "\r",
  "\n",
  "\0",
];

/** What a contact sends, once its cells are opened. Inputs that do not begin as a message are a header of one. */
export const incoming: Target = {
  name: "incoming",
  seeds: [
    container(FIELDS.join(""), Buffer.concat([Buffer.of(1), length(4), octets("text")])),
    container(
      "Subject: x\r\n",
      Buffer.concat([Buffer.of(2, 0, 76, 2), length(60), Buffer.alloc(60, 65)]),
      Buffer.concat([Buffer.of(2, 0, 4, 1), length(30), Buffer.alloc(30, 66)]),
    ),
    octets(FIELDS.slice(0, 11).join("")),
  ],
  tokens: [...FIELDS, "PSTM\x01", "\0\0\0\x04", "\x01", "\x02\0\x4c\x02", "From : x", "\x0b", "\xa0", ":"],
  structured: fc
    .array(fc.oneof(fc.constantFrom(...FIELDS), fc.string({ maxLength: 12 })), { maxLength: 30 })
    .map((texts) => octets(texts.join(""))),
  async run(input) {
    if (input.subarray(0, 4).equals(octets("PSTM"))) await read(input);
    else await read(await collect(writeContainer(input, pieces(octets("body")))));
  },
};
