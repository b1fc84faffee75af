import { isUtf8 } from "node:buffer";
import { monthNumber } from "./format.ts";
import { decodeMailboxName, normaliseMailboxName } from "./mailbox-name.ts";
import { type MessageSet, type SequenceSet, STAR } from "./sequence-set.ts";

/** The command does not follow the grammar; the client is told BAD. The only error that the scanner throws. */
export class SyntaxFailure extends Error {
  override name = "SyntaxFailure";
}

/** A line of a command, and the literal that its end announced. */
export interface LiteralPiece {
  readonly literal: string;
  /** What follows the literal up to the end of the next line. */
  readonly text: string;
}

/** Announces a literal at the end of a line (RFC 9051 `literal`, RFC 7888). */
export const LITERAL_AT_END = /(~?)\{(\d{1,15})(\+?)\}$/;

// Printable ASCII without what the production excludes; written out, since a range over them all is easily misread.
const ATOM = /[!#$&'+-Z[^-z|}~]+/y;
const ASTRING = /[!#$&'+-Z[\]^-z|}~]+/y;
const LIST_CHARS = /[!#$%&'*+-Z[\]^-z|}~\x80-\xff]+/y;
const FLAG = /\\?[!#$&'+-Z[^-z|}~]+/y;
const NUMBER = /\d{1,15}/y;
const QUOTED = /"((?:[^"\\\r\n]|\\["\\])*)"/y;
const SEQUENCE_SET = /[0-9*:,]+/y;
const DATE = /"?(\d{1,2})-([A-Za-z]{3})-(\d{4})"?/y;
const DATE_TIME = /"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"/y;

/**
 * Reads a command's arguments, production by production, named after the ABNF of RFC 9051 section 9. Texts hold one
 * octet per character. Every method throws SyntaxFailure where the text is something else.
 */
export class Scanner {
  #text: string;
  #position = 0;
  #next = 0;
  #depth = 0;
  readonly #pieces: readonly LiteralPiece[];
  readonly #nesting: number;
  readonly #utf8: boolean;

  /** `utf8`: quoted strings must be UTF-8 (RFC 6855 section 3), and `&` in mailbox names is nothing special (RFC 9051 section 5.1). */
  constructor(text: string, pieces: readonly LiteralPiece[] = [], nesting = 64, utf8 = false) {
    this.#text = text;
    this.#pieces = pieces;
    this.#nesting = nesting;
    this.#utf8 = utf8;
  }

  get atEnd(): boolean {
    return this.#position === this.#text.length;
  }

  /** The next character; empty at the end. */
  peek(): string {
    return this.#text.charAt(this.#position);
  }

  /** True, and past it, if the text goes on so; letters count in any case. */
  take(expected: string): boolean {
    const found = this.#text.slice(this.#position, this.#position + expected.length);
    if (found !== expected && found.toUpperCase() !== expected.toUpperCase()) return false;
    this.#position += expected.length;
    return true;
  }

  expect(expected: string): void {
    if (!this.take(expected)) throw new SyntaxFailure(`expected ${expected === " " ? "a space" : expected}`);
  }

  /** One space, or more: `UID FETCH 1:*  (FLAGS)` has been seen. */
  space(): void {
    this.expect(" ");
    while (this.peek() === " ") this.#position++;
  }

  end(): void {
    while (this.peek() === " ") this.#position++;
    if (!this.atEnd) throw new SyntaxFailure("unexpected text after the command");
  }

  atom(): string {
    return this.#match(ATOM, "an atom")[0];
  }

  /** An atom in upper case: names of commands, items and keys. */
  keyword(): string {
    return this.atom().toUpperCase();
  }

  number(): number {
    return Number(this.#match(NUMBER, "a number")[0]);
  }

  /** A number of at most 2^63 - 1, as far as it can be told exactly: mod-sequences. */
  modSequence(): number {
    const value = Number(this.#match(/\d{1,19}/y, "a mod-sequence")[0]);
    return Math.min(value, Number.MAX_SAFE_INTEGER);
  }

  nonZeroNumber(): number {
    const value = this.number();
    if (value === 0) throw new SyntaxFailure("expected a number above zero");
    return value;
  }

  string(): string {
    const text = this.#stringOrNothing();
    if (text === undefined) throw new SyntaxFailure("expected a string");
    return text;
  }

  astring(): string {
    return this.#stringOrNothing() ?? this.#match(ASTRING, "a string")[0];
  }

  nstring(): string | undefined {
    const text = this.#stringOrNothing();
    if (text !== undefined) return text;
    if (this.keyword() !== "NIL") throw new SyntaxFailure("expected a string or NIL");
    return undefined;
  }

  /** `nstring / literal8`, RFC 5464's `value`. */
  nstring8(): string | undefined {
    if (this.take("~") && this.peek() !== "{") throw new SyntaxFailure("expected a literal");
    return this.nstring();
  }

  /** A mailbox's name, decoded and normalised. */
  mailbox(): string {
    return this.mailboxAsGiven().name;
  }

  /** The same, and what it was before it was normalised. */
  mailboxAsGiven(): { readonly name: string; readonly given: string } {
    const wire = this.astring();
    const given = decodeMailboxName(wire, this.#utf8);
    if (given === undefined) throw new SyntaxFailure(this.#wrongName);
    return { name: normaliseMailboxName(given), given };
  }

  /** `list-mailbox`: a name with wildcards, decoded; it is normalised only together with the reference before it. */
  listMailbox(): string {
    const wire = this.#stringOrNothing() ?? this.#match(LIST_CHARS, "a mailbox pattern")[0];
    const pattern = decodeMailboxName(wire, this.#utf8);
    if (pattern === undefined) throw new SyntaxFailure(this.#wrongName);
    return pattern;
  }

  flag(): string {
    return this.#match(FLAG, "a flag")[0];
  }

  /** `(a b c)`, each read by `item`; nesting is bounded. */
  list<T>(item: () => T): T[] {
    this.expect("(");
    const items: T[] = [];
    this.nested(() => {
      if (this.take(")")) return;
      for (;;) {
        items.push(item());
        if (this.take(")")) return;
        this.space();
        if (this.take(")")) return;
      }
    });
    return items;
  }

  /** Runs a production that may hold itself. */
  nested<T>(production: () => T): T {
    if (++this.#depth > this.#nesting) throw new SyntaxFailure("nested too deep");
    const result = production();
    this.#depth--;
    return result;
  }

  sequenceSet(): SequenceSet {
    const text = this.#match(SEQUENCE_SET, "a sequence set")[0];
    return text.split(",").map((range): [number, number] => {
      const [from, to, more] = range.split(":");
      if (from === undefined || more !== undefined) throw new SyntaxFailure("expected a sequence set");
      const first = sequenceNumber(from);
      return [first, to === undefined ? first : sequenceNumber(to)];
    });
  }

  /** A sequence set, or `$`. */
  messageSet(): MessageSet {
    return this.take("$") ? "$" : this.sequenceSet();
  }

  /** True if what follows can only be a sequence set or `$`. */
  get atMessageSet(): boolean {
    return /^[0-9*$]/.test(this.peek());
  }

  /** `1-Feb-1994`, as milliseconds since 1970 at its begin in UTC. */
  date(): number {
    const [, day, month, year] = this.#match(DATE, "a date");
    return validDate(Number(day), String(month), Number(year));
  }

  /** `"17-Jul-1996 02:44:25 -0700"`, as milliseconds since 1970. */
  dateTime(): number {
    const [, day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes] = this.#match(
      DATE_TIME,
      "a date and time",
    );
    if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) throw new SyntaxFailure("no such time of day");
    const midnight = validDate(Number(day), String(month), Number(year));
    const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * (sign === "-" ? -1 : 1);
    return midnight + ((Number(hour) * 60 + Number(minute) - zone) * 60 + Number(second)) * 1000;
  }

  /** Everything up to the end of the line, for AUTHENTICATE's base64. */
  rest(): string {
    const rest = this.#text.slice(this.#position);
    this.#position = this.#text.length;
    return rest;
  }

  get #wrongName(): string {
    return `the mailbox name is not ${this.#utf8 ? "UTF-8" : "modified UTF-7"}`;
  }

  #stringOrNothing(): string | undefined {
    const first = this.peek();
    if (first === '"') {
      const quoted = this.#match(QUOTED, "a quoted string")[1]?.replace(/\\(.)/g, "$1");
      if (this.#utf8 && !isUtf8(Buffer.from(quoted ?? "", "latin1"))) throw new SyntaxFailure("expected UTF-8");
      return quoted;
    }
    if (first !== "{") return undefined;
    const piece = this.#pieces[this.#next];
    const announced = LITERAL_AT_END.exec(this.#text.slice(this.#position));
    if (piece === undefined || announced?.index !== 0) throw new SyntaxFailure("expected a literal");
    this.#next++;
    this.#text = piece.text;
    this.#position = 0;
    return piece.literal;
  }

  #match(pattern: RegExp, what: string): RegExpExecArray {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text);
    if (match === null) throw new SyntaxFailure(`expected ${what}`);
    this.#position = pattern.lastIndex;
    return match;
  }
}

function sequenceNumber(text: string): number {
  if (text === "*") return STAR;
  const value = Number(text);
  if (!/^\d{1,10}$/.test(text) || value === 0 || value > 0xffffffff)
    throw new SyntaxFailure("expected a sequence number");
  return value;
}

function validDate(day: number, month: string, year: number): number {
  const number = monthNumber(month);
  const date = new Date(0);
  date.setUTCFullYear(year, number, day);
  if (number < 0 || date.getUTCMonth() !== number || date.getUTCDate() !== day) throw new SyntaxFailure("no such date");
  return date.getTime();
}
