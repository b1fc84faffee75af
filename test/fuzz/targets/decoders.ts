import * as fc from "fast-check";
import { htmlText } from "../../../imap-front/html-text.ts";
import { parseAddressList } from "../../../mime/address-list.ts";
import { baseSubject } from "../../../mime/base-subject.ts";
import { parseDateTime } from "../../../mime/date.ts";
import { decodedHeader } from "../../../mime/decoded-text.ts";
import { decodeEncodedWords } from "../../../mime/encoded-word.ts";
import { formatEnvelope } from "../../../mime/envelope.ts";
import { parseMessageIds } from "../../../mime/message-ids.ts";
import { parameterText, parseParameterized } from "../../../mime/parameters.ts";
import { decodeTransfer } from "../../../mime/transfer-decoding.ts";
import { octets, type Target } from "../target.ts";

async function size(pieces: AsyncIterable<Uint8Array>): Promise<number> {
  let total = 0;
  for await (const piece of pieces) total += piece.length;
  return total;
}

const halves = (input: Buffer) => [input.subarray(0, input.length >> 1), input.subarray(input.length >> 1)];

/** Each reader of one field or one body; the input's first octet chooses. None may throw, none may make more than it was given. */
const DECODERS: readonly ((input: Buffer) => unknown)[] = [
  (input) => parseAddressList(input.toString("latin1")),
  (input) => baseSubject(input.toString("latin1")),
  (input) => parseDateTime(input.toString("latin1")),
  (input) => decodeEncodedWords(input.toString("latin1")),
  (input) => formatEnvelope(input),
  (input) => parseMessageIds(input.toString("latin1")),
  (input) => parameterText(parseParameterized(input.toString("latin1")).parameters, "name"),
  (input) => decodedHeader(input),
  (input) => htmlText(input.toString("latin1")),
  async (input) => {
    if ((await size(decodeTransfer("base64", halves(input)))) > input.length) throw new Error("base64 grew");
  },
  async (input) => {
    if ((await size(decodeTransfer("quoted-printable", halves(input)))) > input.length) throw new Error("QP grew");
  },
];

const TOKENS =
  "=?utf-8?Q?|=?utf-8?B?|?=|=|=\r\n|=41|==|<|>|@|,|;|:|(|)|\\|\"|Re: |Fwd: |[x] |Mon, |Nov| +0000|name*0*=|*=utf-8''|%e4|\r\n |\0|&amp;|&#x41;|<script>|<!--|-->|</";

/** Readers of header fields and of transfer encodings. */
export const decoders: Target = {
  name: "decoders",
  seeds: [
    "\x00a <b@c>, g: d@e;, <@r:t@u> (c)",
    "\x01Re: [x] Fwd: (fwd)",
    "\x02Mon, 23 Nov 2026 10:00:00 +0100 (CET)",
    "\x03=?utf-8?Q?=C3=A4?= =?utf-8?B?w6Q=?=",
    "\x04From: a@b\r\nSubject: x\r\n y\r\nTo: c\r\n\r\n",
    "\x06a/b; name*0*=utf-8''%e4; name*1=\"x\"",
    "\x08<p>a &amp; b<!-- c --><script>d</script>",
    "\x09aGVsbG8=\r\nd29ybGQ=",
    "\x0aa=20b=\r\nc  \r\n",
  ].map(octets),
  tokens: TOKENS.split("|"),
  structured: fc
    .tuple(
      fc.nat(DECODERS.length - 1),
      fc.array(fc.oneof(fc.constantFrom(...TOKENS.split("|")), fc.string({ maxLength: 8 })), { maxLength: 20 }),
    )
    .map(([which, texts]) => octets(String.fromCharCode(which) + texts.join(""))),
  run(input) {
    const result = DECODERS[(input[0] ?? 0) % DECODERS.length]?.(input.subarray(1));
    return result instanceof Promise ? result : undefined;
  },
};
