import type { ImapLimits } from "./limits.ts";
import { CommandFailure } from "./reply.ts";
import type { Section } from "./section.ts";
import { formatString } from "./wire/format.ts";
import { type Scanner, SyntaxFailure } from "./wire/scanner.ts";

/** An item that is answered from the index. */
export interface PlainItem {
  readonly kind:
    | "FLAGS"
    | "UID"
    | "INTERNALDATE"
    | "RFC822.SIZE"
    | "ENVELOPE"
    | "BODYSTRUCTURE"
    | "BODY"
    | "MODSEQ"
    | "EMAILID"
    | "THREADID"
    | "SAVEDATE";
}

/** An item that is octets of the message. */
export interface SectionItem {
  readonly kind: "section";
  /** As it stands in the answer: `BODY[1.2.HEADER]<0>`, or `RFC822.TEXT`. */
  readonly label: string;
  readonly section: Section;
  readonly partial?: { readonly start: number; readonly length: number };
  /** Does not set `\Seen`. */
  readonly peek: boolean;
  /** BINARY and BINARY.SIZE (RFC 3516): without the transfer encoding, or how many octets that would be. */
  readonly decoded?: "octets" | "size";
}

/** The first words of the message (RFC 8970). */
export interface PreviewItem {
  readonly kind: "preview";
  readonly label: "PREVIEW";
  readonly peek: true;
  /** Only if that takes no time. */
  readonly lazy: boolean;
}

/** An item for which the message may have to be opened. */
export type ReadItem = SectionItem | PreviewItem;

export type FetchItem = PlainItem | ReadItem;

export function isReadItem(item: FetchItem): item is ReadItem {
  return item.kind === "section" || item.kind === "preview";
}

const PLAIN: ReadonlySet<string> = new Set<PlainItem["kind"]>([
  "FLAGS",
  "UID",
  "INTERNALDATE",
  "RFC822.SIZE",
  "ENVELOPE",
  "BODYSTRUCTURE",
  "BODY",
  "MODSEQ",
  "EMAILID",
  "THREADID",
  "SAVEDATE",
]);

const MACROS: ReadonlyMap<string, readonly PlainItem["kind"][]> = new Map([
  ["ALL", ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"]],
  ["FAST", ["FLAGS", "INTERNALDATE", "RFC822.SIZE"]],
  ["FULL", ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"]],
]);

const WHOLE: ReadonlyMap<string, Omit<SectionItem, "kind" | "label">> = new Map<
  string,
  Omit<SectionItem, "kind" | "label">
>([
  ["RFC822", { section: { part: [] }, peek: false }],
  ["RFC822.HEADER", { section: { part: [], text: "HEADER" }, peek: true }],
  ["RFC822.TEXT", { section: { part: [], text: "TEXT" }, peek: false }],
]);

/** What FETCH asks for: a macro, an item, or items in parentheses (RFC 9051 `fetch`, RFC 3501 for `RFC822` and its like). */
export function parseFetchItems(args: Scanner, limits: ImapLimits): FetchItem[] {
  if (args.peek() !== "(") {
    const name = itemName(args);
    const macro = MACROS.get(name);
    return macro === undefined ? [parseItem(args, name, limits)] : macro.map((kind) => ({ kind }));
  }
  const items = args.list(() => parseItem(args, itemName(args), limits));
  if (items.length === 0) throw new SyntaxFailure("expected an item");
  if (items.length > limits.fetchItems) throw new CommandFailure("NO", "LIMIT", "too many items");
  return distinctItems(items);
}

/** Each once, in their order. */
export function distinctItems(items: readonly FetchItem[]): FetchItem[] {
  const keys = new Set<string>();
  return items.filter((item) => keys.size < keys.add(itemKey(item)).size);
}

/** The same for items that are answered alike. */
export function itemKey(item: FetchItem): string {
  return item.kind === "section" ? `${item.label} ${item.partial?.length ?? ""}` : item.kind;
}

/** An item's name ends before a bracket. */
function itemName(args: Scanner): string {
  let name = "";
  while (/^[A-Za-z0-9.]/.test(args.peek())) {
    const character = args.peek();
    args.expect(character);
    name += character;
  }
  return name.toUpperCase();
}

function parseItem(args: Scanner, name: string, limits: ImapLimits): FetchItem {
  const whole = WHOLE.get(name);
  if (whole !== undefined) return { kind: "section", label: name, ...whole };
  if ((name === "BODY" || name === "BODY.PEEK") && args.take("["))
    return parseSection(args, name === "BODY.PEEK", limits);
  if ((name === "BINARY" || name === "BINARY.PEEK" || name === "BINARY.SIZE") && args.take("["))
    return parseBinary(args, name, limits);
  if (name === "PREVIEW") return parsePreview(args);
  if (!PLAIN.has(name)) throw new SyntaxFailure("unknown item");
  return { kind: name as PlainItem["kind"] };
}

/** `[SP "(" "LAZY" ")"]` */
function parsePreview(args: Scanner): PreviewItem {
  const lazy = args.take(" (");
  if (lazy) args.expect("LAZY)");
  return { kind: "preview", label: "PREVIEW", peek: true, lazy };
}

/** `section ["<" number "." nz-number ">"]`, after the opening bracket. */
function parseSection(args: Scanner, peek: boolean, limits: ImapLimits): SectionItem {
  const { section, label } = parseSectionSpec(args, limits);
  args.expect("]");
  const partial = parsePartial(args);
  if (partial === undefined) return { kind: "section", label: `BODY[${label}]`, section, peek };
  return { kind: "section", label: `BODY[${label}]<${partial.start}>`, section, partial, peek };
}

/** `[section-spec]`, up to the closing bracket or the end; `label` is how it is written in an answer. */
export function parseSectionSpec(args: Scanner, limits: ImapLimits): { section: Section; label: string } {
  const part = parsePart(args, limits);
  let label = part.join(".");
  if (args.atEnd || args.peek() === "]") return { section: { part }, label };
  if (part.length > 0) label += ".";
  const text = itemName(args);
  label += text;
  if (text === "HEADER.FIELDS" || text === "HEADER.FIELDS.NOT") {
    args.space();
    const names = args.list(() => args.astring());
    if (names.length === 0 || names.length > limits.searchKeys) throw new SyntaxFailure("expected header field names");
    label += ` (${names.map(formatFieldName).join(" ")})`;
    const fields = { names: new Set(names.map((field) => field.toLowerCase())), not: text === "HEADER.FIELDS.NOT" };
    return { section: { part, text: "HEADER", fields }, label };
  }
  if (text === "HEADER" || text === "TEXT" || (text === "MIME" && part.length > 0))
    return { section: { part, text }, label };
  throw new SyntaxFailure("unknown section");
}

/** `section-binary [partial]`, after the opening bracket. */
function parseBinary(args: Scanner, name: string, limits: ImapLimits): SectionItem {
  const section = { part: parsePart(args, limits) };
  args.expect("]");
  const number = section.part.join(".");
  if (name === "BINARY.SIZE")
    return { kind: "section", label: `BINARY.SIZE[${number}]`, section, peek: true, decoded: "size" };
  const partial = parsePartial(args);
  const label = `BINARY[${number}]${partial === undefined ? "" : `<${partial.start}>`}`;
  const item = { kind: "section", label, section, peek: name === "BINARY.PEEK", decoded: "octets" } as const;
  return partial === undefined ? item : { ...item, partial };
}

/** `section-part`, which may be missing. */
function parsePart(args: Scanner, limits: ImapLimits): number[] {
  const part: number[] = [];
  while (/^\d/.test(args.peek())) {
    part.push(args.nonZeroNumber());
    if (part.length > limits.sectionDepth) throw new SyntaxFailure("nested too deep");
    if (!args.take(".")) break;
  }
  return part;
}

/** `"<" number "." nz-number ">"`, which may be missing. */
function parsePartial(args: Scanner): SectionItem["partial"] {
  if (!args.take("<")) return undefined;
  const start = args.number();
  args.expect(".");
  const length = args.nonZeroNumber();
  args.expect(">");
  return { start, length };
}

/** As the client wrote it, an atom where it can be one: programs look for their own spelling in the answer. */
function formatFieldName(name: string): string {
  return /^[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]+$/.test(name) ? name : formatString(name);
}
