/** A value of a response: an atom or string as text, NIL as undefined, a list. */
export type Value = string | undefined | readonly Value[];

/** One response, taken apart; `number` stands before the name in `* 3 EXISTS`. */
export interface Response {
  /** `*`, `+` or the command's tag. */
  readonly tag: string;
  readonly number: number | undefined;
  /** Upper case: `EXISTS`, `FETCH`, `OK`. */
  readonly name: string;
  /** `APPENDUID 1 2` of `OK [APPENDUID 1 2] text`. */
  readonly code: string | undefined;
  readonly values: readonly Value[];
  /** The response as it came. */
  readonly text: string;
}

/** Takes apart what a server sent, with one octet per character. */
export function parseResponses(text: string): Response[] {
  const reader = new Reader(text);
  const responses: Response[] = [];
  while (!reader.atEnd) responses.push(reader.response());
  return responses;
}

const TEXT_FOLLOWS = new Set(["OK", "NO", "BAD", "BYE", "PREAUTH"]);

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length;
  }

  response(): Response {
    const start = this.#at;
    const tag = this.#take(/[^ \r\n]+/y);
    this.#take(/ /y);
    const number = this.#peek(/\d+ /y) ? Number(this.#take(/\d+/y)) : undefined;
    if (number !== undefined) this.#take(/ /y);
    const name = tag === "+" ? "" : this.#take(/[A-Za-z]+/y).toUpperCase();
    let code: string | undefined;
    const values: Value[] = [];
    if (tag === "+" || TEXT_FOLLOWS.has(name)) {
      if (this.#peek(/ \[/y)) code = this.#take(/ \[[^\]]*\]/y).slice(2, -1);
      this.#take(/[^\r\n]*/y);
    } else {
      while (!this.#peek(/\r\n/y)) {
        this.#take(/ /y);
        values.push(this.#value());
      }
    }
    this.#take(/\r\n/y);
    return { tag, number, name, code, values, text: this.#text.slice(start, this.#at).trimEnd() };
  }

  #value(): Value {
    if (this.#peek(/\(/y)) {
      this.#take(/\(/y);
      const items: Value[] = [];
      while (!this.#peek(/\)/y)) {
        if (items.length > 0) this.#take(/ ?/y);
        items.push(this.#value());
      }
      this.#take(/\)/y);
      return items;
    }
    if (this.#peek(/"/y))
      return this.#take(/"(?:[^"\\\r\n]|\\["\\])*"/y)
        .slice(1, -1)
        .replace(/\\(.)/g, "$1");
    if (this.#peek(/~?\{/y)) {
      const size = Number(/\d+/.exec(this.#take(/~?\{\d+\}\r\n/y))?.[0]);
      this.#at += size;
      return this.#text.slice(this.#at - size, this.#at);
    }
    const atom = this.#take(/(?:[^ ()\r\n[\]"]|\[[^\]]*\])+/y);
    return atom === "NIL" ? undefined : atom;
  }

  #peek(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text);
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) throw new Error(`not a response: ${this.#text.slice(this.#at, this.#at + 80)}`);
    this.#at = pattern.lastIndex;
    return match[0];
  }
}

/** `1:3,5` as numbers. */
export function numbersOf(set: string): number[] {
  return set.split(",").flatMap((range) => {
    const [from = 0, to = from] = range.split(":").map(Number);
    return Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => Math.min(from, to) + i);
  });
}
