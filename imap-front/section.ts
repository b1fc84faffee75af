import type { Part } from "../mime/part.ts";

/** `section-spec` of RFC 9051: which piece of a message is meant. */
export interface Section {
  /** `1.2`; empty for the message itself. */
  readonly part: readonly number[];
  /** Absent: the whole, or the part's body. */
  readonly text?: "HEADER" | "TEXT" | "MIME";
  /** HEADER.FIELDS and HEADER.FIELDS.NOT, with names in lower case; `text` is HEADER then. */
  readonly fields?: { readonly names: ReadonlySet<string>; readonly not: boolean };
}

/** Octets of a message, end exclusive. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Where the section lies in the message; undefined where the message has no such part (RFC 9051 section 6.4.5.1). */
export function locateSection(root: Part, section: Section): Range | undefined {
  const [message, part] = walk(root, section.part);
  if (section.part.length > 0 && part === undefined) return undefined;
  if (section.text === "MIME") return part && { start: part.headerStart, end: part.bodyStart };
  if (section.text === undefined)
    return part === undefined
      ? { start: root.headerStart, end: root.bodyEnd }
      : { start: part.bodyStart, end: part.bodyEnd };
  if (message === undefined) return undefined;
  return section.text === "HEADER"
    ? { start: message.headerStart, end: message.bodyStart }
    : { start: message.bodyStart, end: message.bodyEnd };
}

/** The part of that number; undefined where the message has none. */
export function findPart(root: Part, numbers: readonly number[]): Part | undefined {
  return walk(root, numbers)[1];
}

/** Follows part numbers: to the part, and to the message whose HEADER and TEXT are meant there, if it holds one. */
function walk(root: Part, numbers: readonly number[]): [message: Part | undefined, part: Part | undefined] {
  let message: Part | undefined = root;
  let part: Part | undefined;
  for (const number of numbers) {
    // Numbers count within a multipart, or within the message that a message/rfc822 holds; a message that is no
    // multipart, and a multipart without parts, have one part, their body.
    const container: Part | undefined = message ?? part;
    if (container?.children !== undefined) part = container.children[number - 1];
    else part = number === 1 && (message !== undefined || container?.type === "multipart") ? container : undefined;
    if (part === undefined) return [undefined, undefined];
    message = part.message;
  }
  return [message, part];
}
