import { parameterText } from "../../mime/parameters.ts";
import type { Part } from "../../mime/part.ts";
import { StructureParser } from "../../mime/structure-parser.ts";
import { decodeTransfer } from "../../mime/transfer-decoding.ts";

/** A MIME entity that lies in memory whole, with the tree of its parts. */
export interface Entity {
  readonly octets: Buffer;
  readonly root: Part;
}

/** A name (ftext of RFC 5322 section 2.2), blanks, a colon. */
const FIELD = /^[!-9;-~]+[ \t]*:/;

/** What does not begin with a field or an empty line is taken for a body of plain text. */
export function parseEntity(octets: Buffer): Entity {
  const start = octets.toString("latin1", 0, 1_000);
  const whole = FIELD.test(start) || /^\r?\n/.test(start) ? octets : Buffer.concat([Buffer.from("\r\n"), octets]);
  const parser = new StructureParser();
  parser.push(whole);
  return { octets: whole, root: parser.end().root };
}

/** With the empty line that ends it. */
export function headerOf({ octets }: Entity, part: Part): Buffer {
  return octets.subarray(part.headerStart, part.bodyStart);
}

export function bodyOf({ octets }: Entity, part: Part): Buffer {
  return octets.subarray(part.bodyStart, part.bodyEnd);
}

/** The body without its transfer encoding. */
export async function decodedBodyOf(entity: Entity, part: Part): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decodeTransfer(part.encoding, [bodyOf(entity, part)])) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Header and body, as a signature covers them. */
export function wholeOf({ octets }: Entity, part: Part): Buffer {
  return octets.subarray(part.headerStart, part.bodyEnd);
}

export function isType(part: Part | undefined, type: string): boolean {
  return part !== undefined && `${part.type}/${part.subtype}` === type;
}

/** In lower case; empty where absent. */
export function parameter(part: Part, name: string): string {
  return (parameterText(part.parameters, name) ?? "").trim().toLowerCase();
}

/** The part and all parts in it, of multiparts alone: an attached message is its own. */
export function* leaves(part: Part): Generator<Part> {
  if (part.children === undefined) yield part;
  else for (const child of part.children) yield* leaves(child);
}
