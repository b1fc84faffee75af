import { keepField } from "../../mime/field-text.ts";
import { headerFields } from "../../mime/header.ts";
import type { Part } from "../../mime/part.ts";
import { decodedBodyOf, type Entity, headerOf, leaves, parseEntity } from "./entity.ts";

/** What a relay may change, or may not take: octets above 127, blanks at a line's end, "From " at its start, long lines. */
const CHANGEABLE = /[\x80-\xff]|[ \t](?:\r?\n|$)|(?:^|\n)From |[^\r\n]{999}|(?<!\r)\n|\r(?!\n)/;

/** Longest line of quoted-printable (RFC 2045 section 6.7). */
const LINE = 76;

/**
 * The entity with every part encoded that a relay on its way might change, so that a signature over it stays good (RFC
 * 3156 section 3); undefined where that is not possible: in its header, or in an attached message, which may not be
 * encoded (RFC 2046 section 5.2.1).
 */
export async function sevenBit(entity: Entity): Promise<Entity | undefined> {
  if (!isChangeable(entity.octets)) return entity;
  const pieces: Buffer[] = [];
  let done = 0;
  for (const part of leaves(entity.root)) {
    if (!isChangeable(entity.octets.subarray(part.headerStart, part.bodyEnd))) continue;
    if (part.type === "message" || part.type === "multipart") return undefined;
    pieces.push(entity.octets.subarray(done, part.headerStart), await encoded(entity, part));
    done = part.bodyEnd;
  }
  pieces.push(entity.octets.subarray(done));
  const mended = parseEntity(withoutEightBit(parseEntity(Buffer.concat(pieces))));
  return isChangeable(mended.octets) ? undefined : mended;
}

function isChangeable(octets: Buffer): boolean {
  return CHANGEABLE.test(octets.toString("latin1"));
}

async function encoded(entity: Entity, part: Part): Promise<Buffer> {
  const content = await decodedBodyOf(entity, part);
  const isText = part.type === "text" && content.length < 3 * content.filter((octet) => octet < 0x80).length;
  const fields = [...headerFields(headerOf(entity, part))].filter(({ key }) => key !== "content-transfer-encoding");
  const [name, body] = isText ? ["quoted-printable", quotedPrintable(content)] : ["base64", base64(content)];
  return Buffer.from(`${fields.map(keepField).join("")}Content-Transfer-Encoding: ${name}\r\n\r\n${body}`, "latin1");
}

function base64(content: Buffer): string {
  return content.toString("base64").replace(/.{1,76}/g, "$&\r\n");
}

/** RFC 2045 section 6.7; line ends become CRLF. */
function quotedPrintable(content: Buffer): string {
  const lines = content.toString("latin1").split(/\r?\n/);
  return lines.map((line) => softLines(line.replace(/[^\t -<>-~]|[\t ]$|^F(?=rom )|^\.$/g, quoted))).join("\r\n");
}

function quoted(octet: string): string {
  return `=${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

function softLines(line: string): string {
  const pieces: string[] = [];
  let rest = line;
  while (rest.length > LINE) {
    let end = LINE - 1;
    const escape = rest.lastIndexOf("=", end - 1);
    if (escape > end - 3) end = escape;
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end).replace(/^F(?=rom )/, quoted);
  }
  return [...pieces, rest].join("=\r\n");
}

/** Multiparts that say they hold eight bits hold seven now. */
function withoutEightBit({ octets, root }: Entity): Buffer {
  const pieces: Buffer[] = [];
  let done = 0;
  for (const part of multiparts(root))
    for (const field of headerFields(octets.subarray(part.headerStart, part.bodyStart))) {
      if (field.key !== "content-transfer-encoding") continue;
      pieces.push(octets.subarray(done, part.headerStart + field.start));
      done = part.headerStart + field.end;
    }
  return Buffer.concat([...pieces, octets.subarray(done)]);
}

function* multiparts(part: Part): Generator<Part> {
  if (part.children === undefined) return;
  yield part;
  for (const child of part.children) yield* multiparts(child);
}
