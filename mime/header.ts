/** One field of a header, as it lies there. Texts are octets as latin1. */
export interface HeaderField {
  /** The name as written, without blanks before the colon. */
  readonly name: string;
  /** The name in lower case, to compare with. */
  readonly key: string;
  /** Offsets in the header: the name's first octet and the one behind it, the one after the colon, the one after the field's last line end. */
  readonly start: number;
  readonly nameEnd: number;
  readonly valueStart: number;
  readonly end: number;
  /** What follows the colon, with its folding and its last line end. */
  readonly raw: string;
  /** Unfolded (RFC 5322 section 2.2.3) and without blanks around it. */
  readonly value: string;
}

const LF = 10;
const COLON = 58;

/**
 * The fields of a header in order (RFC 5322 section 2.2), up to an empty line or the end. Lines that are no field,
 * such as an mbox `From ` line or a name with a control in it, are passed over together with what continues them.
 */
export function* headerFields(header: Uint8Array): Generator<HeaderField> {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.length);
  let start = 0;
  while (start < bytes.length) {
    let end = lineEnd(bytes, start);
    if (isEmptyLine(bytes, start, end)) return;
    while (end < bytes.length && isBlank(bytes[end])) end = lineEnd(bytes, end);
    const nameEnd = fieldNameEnd(bytes, start, end);
    if (nameEnd !== undefined) yield new FieldInHeader(bytes, start, nameEnd, end);
    start = end;
  }
}

/** Most fields of a header are passed over: their texts are made when they are asked for. */
class FieldInHeader implements HeaderField {
  readonly start: number;
  readonly nameEnd: number;
  readonly end: number;
  readonly #bytes: Buffer;
  #key: string | undefined;
  #value: string | undefined;

  constructor(bytes: Buffer, start: number, nameEnd: number, end: number) {
    this.#bytes = bytes;
    this.start = start;
    this.nameEnd = nameEnd;
    this.end = end;
  }

  get name(): string {
    return this.#bytes.toString("latin1", this.start, this.nameEnd);
  }

  get key(): string {
    return (this.#key ??= this.name.toLowerCase());
  }

  get valueStart(): number {
    return this.#bytes.indexOf(COLON, this.nameEnd) + 1;
  }

  get raw(): string {
    return this.#bytes.toString("latin1", this.valueStart, this.end);
  }

  get value(): string {
    return (this.#value ??= unfold(this.raw));
  }
}

/** The unfolded value of the first field of that name (in lower case). */
export function firstField(header: Uint8Array, key: string): string | undefined {
  for (const field of headerFields(header))
    if (field.nameEnd - field.start === key.length && field.key === key) return field.value;
  return undefined;
}

/** Takes folding out of a raw value and blanks from around it (RFC 5322 section 2.2.3); bare line ends become blanks. */
export function unfold(raw: string): string {
  // One line, as most are.
  const end = raw.endsWith("\r\n") ? raw.length - 2 : raw.length;
  const first = raw.search(/[\r\n]/);
  if (first === end || first < 0)
    return raw
      .slice(0, end)
      .replace(/^[ \t]+/, "")
      .trimEnd();
  return raw
    .replace(/\r?\n(?=[ \t])/g, "")
    .replace(/[\r\n]+/g, " ")
    .replace(/^[ \t]+/, "")
    .trimEnd();
}

function lineEnd(bytes: Buffer, start: number): number {
  const found = bytes.indexOf(LF, start);
  return found < 0 ? bytes.length : found + 1;
}

function isEmptyLine(bytes: Buffer, start: number, end: number): boolean {
  return bytes[end - 1] === LF && (end - start === 1 || (end - start === 2 && bytes[start] === 13));
}

function isBlank(octet: number | undefined): boolean {
  return octet === 32 || octet === 9;
}

/** One past the name: ftext = %d33-57 / %d59-126, then blanks (obsolete syntax), then the colon. */
function fieldNameEnd(bytes: Buffer, start: number, end: number): number | undefined {
  let at = start;
  for (; at < end; at++) {
    const octet = bytes[at] ?? 0;
    if (octet < 33 || octet > 126 || octet === COLON) break;
  }
  if (at === start) return undefined;
  const nameEnd = at;
  while (at < end && isBlank(bytes[at])) at++;
  return bytes[at] === COLON && at < end ? nameEnd : undefined;
}
