/** An address structure of ENVELOPE (RFC 9051 section 7.5.2); texts hold one octet per character. */
export interface EnvelopeAddress {
  readonly name: string | undefined;
  readonly mailbox: string | undefined;
  readonly host: string | undefined;
}

/** The part of an ENVELOPE that messages are sorted by. */
export interface EnvelopeFields {
  readonly date: string | undefined;
  readonly subject: string | undefined;
  /** The first address of each field. */
  readonly from: EnvelopeAddress | undefined;
  readonly to: EnvelopeAddress | undefined;
  readonly cc: EnvelopeAddress | undefined;
}

/** Reads an ENVELOPE in wire form, as the store keeps it. @throws Error if it is none */
export function readEnvelope(wire: string): EnvelopeFields {
  const reader = new EnvelopeReader(wire);
  reader.expect("(");
  const date = reader.nstring();
  const subject = reader.nstring();
  const from = reader.firstAddress();
  reader.firstAddress();
  reader.firstAddress();
  const to = reader.firstAddress();
  return { date, subject, from, to, cc: reader.firstAddress() };
}

class EnvelopeReader {
  readonly #wire: string;
  #at = 0;

  constructor(wire: string) {
    this.#wire = wire;
  }

  expect(character: string): void {
    if (!this.#take(character)) throw new Error("not an envelope in wire form");
  }

  nstring(): string | undefined {
    this.#take(" ");
    if (this.#take("NIL")) return undefined;
    if (this.#take("{")) {
      const end = this.#wire.indexOf("}", this.#at);
      const length = Number(this.#wire.slice(this.#at, end));
      this.#at = end + 3 + length;
      return this.#wire.slice(end + 3, this.#at);
    }
    this.expect('"');
    const start = this.#at;
    let escaped = false;
    for (; this.#at < this.#wire.length; this.#at++) {
      const code = this.#wire.charCodeAt(this.#at);
      if (code === 34) break;
      if (code === 92) {
        escaped = true;
        this.#at++;
      }
    }
    const text = this.#wire.slice(start, this.#at++);
    return escaped ? text.replace(/\\(.)/gs, "$1") : text;
  }

  /** The first of a list of addresses; past all of them. */
  firstAddress(): EnvelopeAddress | undefined {
    this.#take(" ");
    if (this.#take("NIL")) return undefined;
    this.expect("(");
    let first: EnvelopeAddress | undefined;
    while (this.#take("(")) {
      const name = this.nstring();
      this.nstring();
      const mailbox = this.nstring();
      const host = this.nstring();
      first ??= { name, mailbox, host };
      this.expect(")");
    }
    this.expect(")");
    return first;
  }

  #take(expected: string): boolean {
    if (!this.#wire.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }
}
