import { DecodeError } from "../foundation/bytes.ts";
import type { Part } from "./part.ts";

type Parameters = readonly (readonly [string, string])[];

/** A part as an array, so that no field's name is stored; what is absent is null. */
type Row = readonly [
  headerStart: number,
  bodyStart: number,
  bodyEnd: number,
  lines: number,
  type: string,
  subtype: string,
  parameters: Parameters,
  encoding: string,
  children: readonly Row[] | null,
  message: Row | null,
  envelope: string | null,
  id: string | null,
  description: string | null,
  md5: string | null,
  disposition: readonly [kind: string, parameters: Parameters] | null,
  language: readonly string[] | null,
  location: string | null,
];

/** The tree as bytes for an index: a version octet and JSON of arrays in UTF-8. */
export function encodePart(root: Part): Buffer {
  return Buffer.concat([Uint8Array.of(VERSION), Buffer.from(JSON.stringify(toRow(root)), "utf8")]);
}

/**
 * The reverse, for bytes that encodePart made.
 * @throws DecodeError where the version is another or the bytes are no such tree
 */
export function decodePart(bytes: Uint8Array): Part {
  if (bytes[0] !== VERSION) throw new DecodeError("the stored structure is of another version");
  try {
    return fromRow(JSON.parse(Buffer.from(bytes.subarray(1)).toString("utf8")) as Row);
  } catch (error) {
    throw new DecodeError("the stored structure is damaged", { cause: error });
  }
}

const VERSION = 1;

function toRow(part: Part): Row {
  return [
    part.headerStart,
    part.bodyStart,
    part.bodyEnd,
    part.lines,
    part.type,
    part.subtype,
    part.parameters,
    part.encoding,
    part.children?.map(toRow) ?? null,
    part.message === undefined ? null : toRow(part.message),
    part.envelope ?? null,
    part.id ?? null,
    part.description ?? null,
    part.md5 ?? null,
    part.disposition === undefined ? null : [part.disposition.kind, part.disposition.parameters],
    part.language ?? null,
    part.location ?? null,
  ];
}

function fromRow(row: Row): Part {
  if (!Array.isArray(row) || row.length !== 17) throw new DecodeError("no part");
  const [headerStart, bodyStart, bodyEnd, lines, type, subtype, parameters, encoding, children, message, ...rest] = row;
  const [envelope, id, description, md5, disposition, language, location] = rest;
  return {
    headerStart,
    bodyStart,
    bodyEnd,
    lines,
    type,
    subtype,
    parameters,
    encoding,
    ...(children !== null && { children: children.map(fromRow) }),
    ...(message !== null && { message: fromRow(message) }),
    ...(envelope !== null && { envelope }),
    ...(id !== null && { id }),
    ...(description !== null && { description }),
    ...(md5 !== null && { md5 }),
    ...(disposition !== null && { disposition: { kind: disposition[0], parameters: disposition[1] } }),
    ...(language !== null && { language }),
    ...(location !== null && { location }),
  };
}
