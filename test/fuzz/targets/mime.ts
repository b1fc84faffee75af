import { formatBodyStructure } from "../../../mime/body-structure.ts";
import type { Part } from "../../../mime/part.ts";
import { decodePart, encodePart } from "../../../mime/part-codec.ts";
import { StructureParser } from "../../../mime/structure-parser.ts";
import { INFAMOUS, nastyMail } from "../../mime/nasty-mail.ts";
import { octets, type Target } from "../target.ts";

const TOKENS =
  "--a|--a--|--ab|\r\n--a\r\n|\r\n\r\n|\n\n|\r|\0|Content-Type: |multipart/mixed; boundary=a|message/rfc822|Content-Type: message/rfc822\r\n\r\n|base64|quoted-printable|=?utf-8?Q?=C3?=|;|=|\"|\\|(|)|<|>|@|,|:|name*0*=utf-8''%e4;|From: |To: |Content-Disposition: attachment; ";

function check(part: Part, start: number, end: number): void {
  const { headerStart, bodyStart, bodyEnd, lines } = part;
  if (!(start <= headerStart && headerStart <= bodyStart && bodyStart <= bodyEnd && bodyEnd <= end))
    throw new Error(`a part lies outside of what holds it: ${headerStart} ${bodyStart} ${bodyEnd} in ${start}..${end}`);
  if (lines < 0 || lines > bodyEnd - bodyStart)
    throw new Error(`a part of ${bodyEnd - bodyStart} octets has ${lines} lines`);
  let last = bodyStart;
  for (const child of part.children ?? []) {
    check(child, last, bodyEnd);
    last = child.bodyEnd;
  }
  if (part.message !== undefined) check(part.message, bodyStart, bodyEnd);
}

function parse(message: Buffer, piece: number): { root: Part; header: Buffer } {
  const parser = new StructureParser();
  for (let at = 0; at < message.length; at += piece) parser.push(message.subarray(at, at + piece));
  return parser.end();
}

/** Any octets make a tree whose parts lie within each other, the same however they were cut, and in the index as in memory. */
export const mime: Target = {
  name: "mime",
  seeds: Object.values(INFAMOUS).filter(({ length }) => length < 10_000),
  tokens: TOKENS.split("|"),
  structured: nastyMail,
  run(message) {
    const { root, header } = parse(message, message.length);
    check(root, 0, message.length);
    if (!header.equals(message.subarray(0, header.length)))
      throw new Error("the header is not what the message begins with");
    const structure = formatBodyStructure(root, true);
    formatBodyStructure(root, false);
    if (message.length > 4_000) return;
    const cut = parse(message, 1 + (message.length % 7));
    if (formatBodyStructure(cut.root, true) !== structure || cut.root.envelope !== root.envelope)
      throw new Error("how the octets were cut made a difference");
    if (formatBodyStructure(decodePart(encodePart(root)), true) !== structure)
      throw new Error("the index gives back another structure");
    if (octets(structure).includes(0)) throw new Error("a NUL in BODYSTRUCTURE");
  },
};
