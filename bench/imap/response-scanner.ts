/** Splits what an IMAP server sends into responses (RFC 9051 section 7) on octets, so that FETCHes cost next to nothing. */

export interface ResponseEvents {
  /** `* 12 FETCH ...`: its number and its kind, for each of FETCH, EXISTS and EXPUNGE. */
  readonly numbered: (number: number, kind: "FETCH" | "EXISTS" | "EXPUNGE") => void;
  /** Another untagged response without `* `, up to its first literal. */
  readonly untagged: (line: string) => void;
  /** A piece of a literal, valid only during the call. */
  readonly literal: (piece: Buffer) => void;
  readonly continuation: () => void;
  readonly tagged: (line: string) => void;
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const STAR = 0x2a;
const PLUS = 0x2b;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** Octets that are looked at one by one before the search is left to a native one, whose call costs as much. */
const NEAR = 80;

export class ResponseScanner {
  readonly #events: ResponseEvents;
  /** The beginning of a line whose end has not come. */
  #kept: Buffer[] = [];
  #literalLeft = 0;
  /** The line goes on after a literal. */
  #continues = false;

  constructor(events: ResponseEvents) {
    this.#events = events;
  }

  push(chunk: Buffer): void {
    let position = 0;
    while (position < chunk.length) {
      if (this.#literalLeft > 0) {
        const piece = chunk.subarray(position, position + this.#literalLeft);
        this.#literalLeft -= piece.length;
        position += piece.length;
        this.#events.literal(piece);
        continue;
      }
      const end = findLineEnd(chunk, position);
      if (end < 0) {
        this.#kept.push(Buffer.from(chunk.subarray(position)));
        return;
      }
      if (this.#kept.length === 0) this.#line(chunk, position, end);
      else {
        const line = Buffer.concat([...this.#kept, chunk.subarray(position, end)]);
        this.#kept = [];
        this.#line(line, 0, line.length);
      }
      position = end + 1;
    }
  }

  /** A line from `start` up to its LF at `end`. */
  #line(octets: Buffer, start: number, end: number): void {
    const last = end > start && octets[end - 1] === CR ? end - 1 : end;
    const first = octets[start];
    const begins = !this.#continues;
    const literal = literalLength(octets, start, last);
    this.#literalLeft = Math.max(0, literal);
    this.#continues = literal >= 0;
    if (!begins) return;
    if (first === STAR) this.#untagged(octets, start + 2, last);
    else if (first === PLUS) this.#events.continuation();
    else this.#events.tagged(octets.toString("latin1", start, last));
  }

  #untagged(octets: Buffer, start: number, end: number): void {
    let position = start;
    let number = 0;
    for (let digit = digitAt(octets, position); digit >= 0; digit = digitAt(octets, ++position))
      number = number * 10 + digit;
    if (position === start || octets[position] !== SPACE)
      return this.#events.untagged(octets.toString("latin1", start, end));
    const kind = octets[position + 1];
    if (kind === 0x46) this.#events.numbered(number, "FETCH");
    else if (kind === 0x45) this.#events.numbered(number, octets[position + 3] === 0x49 ? "EXISTS" : "EXPUNGE");
    else this.#events.untagged(octets.toString("latin1", start, end));
  }
}

function digitAt(octets: Buffer, position: number): number {
  const digit = (octets[position] ?? 0) - 0x30;
  return digit >= 0 && digit <= 9 ? digit : -1;
}

function findLineEnd(chunk: Buffer, from: number): number {
  const near = Math.min(chunk.length, from + NEAR);
  for (let position = from; position < near; position++) if (chunk[position] === LF) return position;
  return near === chunk.length ? -1 : chunk.indexOf(LF, near);
}

/** The octets of the literal that the line announces at its end, -1 if it announces none. */
function literalLength(octets: Buffer, start: number, end: number): number {
  if (octets[end - 1] !== CLOSE_BRACE) return -1;
  let length = 0;
  let factor = 1;
  let position = end - 2;
  for (let digit = digitAt(octets, position); digit >= 0 && position > start; digit = digitAt(octets, --position)) {
    length += digit * factor;
    factor *= 10;
  }
  return factor > 1 && octets[position] === OPEN_BRACE ? length : -1;
}
