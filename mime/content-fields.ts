import { type HeaderField, headerFields } from "./header.ts";
import { MAX_FIELD_TEXT } from "./limits.ts";
import { type ParameterList, parseParameterized } from "./parameters.ts";
import type { Part } from "./part.ts";

/** What a part's header says of its content (RFC 2045, 2183, 1864, 3282, 2557). */
export type ContentFields = Pick<
  Part,
  | "type"
  | "subtype"
  | "parameters"
  | "id"
  | "description"
  | "encoding"
  | "md5"
  | "disposition"
  | "language"
  | "location"
>;

/** token of RFC 2045 section 5.1 */
const TOKEN = /^[!#-'*+.0-9A-Z^_`a-z{|}~-]+$/;

/** Reads them, the first of each name. In a multipart/digest a part without Content-Type is a message/rfc822. */
export function readContentFields(header: Uint8Array, inDigest: boolean): ContentFields {
  return contentFieldsOf(headerFields(header), inDigest);
}

/** The same of a header's fields. */
export function contentFieldsOf(header: Iterable<HeaderField>, inDigest: boolean): ContentFields {
  const fields = new Map<string, string>();
  for (const field of header)
    if (field.key.startsWith("content-") && !fields.has(field.key)) fields.set(field.key, field.value);
  const text = (name: string) => fields.get(name)?.slice(0, MAX_FIELD_TEXT);
  const id = text("content-id");
  const description = text("content-description");
  const md5 = text("content-md5");
  const location = text("content-location");
  const disposition = readDisposition(fields.get("content-disposition"));
  const language = readLanguage(text("content-language"));
  return {
    ...readType(fields.get("content-type"), inDigest),
    encoding: readEncoding(fields.get("content-transfer-encoding")),
    ...(id !== undefined && { id }),
    ...(description !== undefined && { description }),
    ...(md5 !== undefined && { md5 }),
    ...(location !== undefined && { location }),
    ...(disposition !== undefined && { disposition }),
    ...(language !== undefined && { language }),
  };
}

function readType(
  field: string | undefined,
  inDigest: boolean,
): { type: string; subtype: string; parameters: ParameterList } {
  if (field === undefined)
    return inDigest
      ? { type: "message", subtype: "rfc822", parameters: [] }
      : { type: "text", subtype: "plain", parameters: [] };
  const { value, parameters } = parseParameterized(field);
  const [type = "", subtype = "", ...more] = value.split("/").map((half) => half.trim().toLowerCase());
  if (more.length > 0 || !TOKEN.test(type) || !TOKEN.test(subtype))
    return { type: "text", subtype: "plain", parameters };
  return { type, subtype, parameters };
}

function readEncoding(field: string | undefined): string {
  const encoding = parseParameterized(field ?? "").value.toLowerCase();
  return TOKEN.test(encoding) ? encoding.slice(0, MAX_FIELD_TEXT) : "7bit";
}

function readDisposition(field: string | undefined): Part["disposition"] {
  if (field === undefined) return undefined;
  const { value, parameters } = parseParameterized(field);
  const kind = value.toLowerCase();
  return { kind: TOKEN.test(kind) ? kind.slice(0, MAX_FIELD_TEXT) : "attachment", parameters };
}

function readLanguage(field: string | undefined): readonly string[] | undefined {
  const tags = (field ?? "")
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
  return tags.length > 0 ? tags : undefined;
}
