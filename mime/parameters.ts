import { decodeCharset } from "./charset.ts";
import { MAX_FIELD_TEXT, MAX_PARAMETERS } from "./limits.ts";

/** Names in the spelling of the field, values without quotes; RFC 2231 is not yet applied. */
export type ParameterList = readonly (readonly [name: string, value: string])[];

export interface ParameterizedValue {
  /** What stands before the first semicolon, without comments and blanks. */
  readonly value: string;
  readonly parameters: ParameterList;
}

/**
 * `value *(";" attribute "=" (token / quoted-string))` of RFC 2045 section 5.1, leniently: comments anywhere, empty
 * parameters, unquoted values with specials in them, a missing last quote. A parameter that is there twice counts once.
 */
export function parseParameterized(field: string): ParameterizedValue {
  const pieces = splitPieces(field);
  const parameters: [string, string][] = [];
  const seen = new Set<string>();
  for (const { name, value } of pieces.parameters) {
    const key = name.toLowerCase();
    if (name === "" || seen.has(key) || parameters.length >= MAX_PARAMETERS) continue;
    seen.add(key);
    parameters.push([name, value.slice(0, MAX_FIELD_TEXT)]);
  }
  return { value: pieces.head, parameters };
}

interface Pieces {
  head: string;
  parameters: { name: string; value: string }[];
}

function splitPieces(field: string): Pieces {
  const pieces: Pieces = { head: "", parameters: [] };
  let name: string | undefined;
  let text = "";
  let quoted = false;
  let first = true;
  const finish = () => {
    if (first) pieces.head = text.trim();
    else if (name !== undefined) pieces.parameters.push({ name, value: quoted ? text : text.trim() });
    first = false;
    name = undefined;
    text = "";
    quoted = false;
  };
  for (let at = 0; at < field.length; at++) {
    const character = field[at] as string;
    if (character === "(" && !quoted) at = skipComment(field, at);
    else if (character === ";") finish();
    else if (character === "=" && !first && name === undefined) {
      name = text.trim();
      text = "";
    } else if (character === '"' && (first || name !== undefined)) {
      const string = readQuoted(field, at);
      text = quoted || !first ? text.trim() + string.text : text + string.text;
      quoted = true;
      at = string.end;
    } else if (!quoted || (character !== " " && character !== "\t")) text += character;
  }
  finish();
  return pieces;
}

/** The index of the parenthesis that closes the comment; of the opening one where none does. */
function skipComment(field: string, start: number): number {
  let depth = 0;
  for (let at = start; at < field.length; at++) {
    const character = field[at];
    if (character === "\\") at++;
    else if (character === "(") depth++;
    else if (character === ")" && --depth === 0) return at;
  }
  return field.length;
}

function readQuoted(field: string, start: number): { text: string; end: number } {
  let text = "";
  let at = start + 1;
  for (; at < field.length && field[at] !== '"'; at++) {
    if (field[at] === "\\" && at + 1 < field.length) at++;
    text += field[at];
  }
  return { text, end: at };
}

/**
 * The parameter's value as Unicode: RFC 2231 charsets and continuations applied, raw octets read as UTF-8 where they
 * are that. The name is given in lower case.
 */
export function parameterText(parameters: ParameterList, name: string): string | undefined {
  const byName = new Map(parameters.map(([key, value]) => [key.toLowerCase(), value]));
  const plain = byName.get(name);
  const extended = byName.get(`${name}*`);
  if (extended !== undefined) return decodeExtended([[extended, true]]);
  const sections: [string, boolean][] = [];
  for (let index = 0; index < MAX_PARAMETERS; index++) {
    const encoded = byName.get(`${name}*${index}*`);
    const literal = encoded ?? byName.get(`${name}*${index}`);
    if (literal === undefined) break;
    sections.push([literal, encoded !== undefined]);
  }
  if (sections.length > 0) return decodeExtended(sections);
  return plain === undefined ? undefined : decodeCharset(Buffer.from(plain, "latin1"), undefined);
}

function decodeExtended(sections: readonly (readonly [string, boolean])[]): string {
  let charset: string | undefined;
  const octets: Buffer[] = [];
  for (const [index, [section, encoded]] of sections.entries()) {
    let text = section;
    if (index === 0 && encoded) {
      const match = /^([^']*)'[^']*'/.exec(section);
      if (match !== null) {
        charset = match[1] || undefined;
        text = section.slice(match[0].length);
      }
    }
    octets.push(encoded ? decodePercent(text) : Buffer.from(text, "latin1"));
  }
  return decodeCharset(Buffer.concat(octets), charset);
}

function decodePercent(text: string): Buffer {
  return Buffer.from(
    text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
}
