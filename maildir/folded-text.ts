/** Texts are compared in this form: canonical composition, without case. */
export function fold(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** Characters (UTF-16 units) of one row of the text index: its tokenizing takes some milliseconds. */
const CHUNK = 16_384;

/** Characters that neighbouring chunks share, so that a needle at a seam lies whole in one of them. */
const OVERLAP = 64;

/** Longest beginning of a needle that is sure to lie in one chunk; a cut that would part a surrogate pair moves by one. */
const LONGEST_PHRASE = OVERLAP - 2;

/** Characters that the tokenizer takes for one another, or ends at; and line ends, which it is not asked about. */
const UNSEARCHABLE = /[\p{Cc}\p{Cs}\ufffd-\uffff]/u;

/** The tokenizer's unit. */
const SHORTEST_PHRASE = 3;

/**
 * What the text index can be asked of a folded needle: the needle itself, or its beginning, which then finds more than
 * the needle does. Undefined where only looking at the texts will tell.
 */
export function searchablePhrase(needle: string): { readonly phrase: string; readonly whole: boolean } | undefined {
  if (UNSEARCHABLE.test(needle)) return undefined;
  const phrase = needle.slice(0, wholeCharacters(needle, LONGEST_PHRASE));
  if (Array.from(phrase).length < SHORTEST_PHRASE) return undefined;
  return { phrase, whole: phrase.length === needle.length };
}

/** Characters of words, in scripts that part them; every such word is a part of its text as it stands. */
const WORD =
  /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Devanagari}\p{Nd}]+/gu;

/** Longer ones are names of machines, or no text at all. */
const LONGEST_WORD = 24;

/** The different words of a folded text that may be asked for, with blanks between them. */
export function wordsOf(text: string): string {
  const words = new Set<string>();
  for (const word of text.match(WORD) ?? [])
    if (word.length >= SHORTEST_PHRASE && word.length <= LONGEST_WORD) words.add(word);
  return [...words].join(" ");
}

/** Whether `wordsOf` names it where it stands as a word. */
export function isWord(phrase: string): boolean {
  return wordsOf(phrase) === phrase && !phrase.includes(" ");
}

/** Cuts a text that comes in pieces into overlapping chunks, each piece folded by itself, as a search folds it. */
export class TextChunks {
  #text = "";
  /** The text's beginning that was part of the chunk before. */
  #old = 0;

  /** Chunks that are complete now. */
  *add(piece: string): Generator<string> {
    this.#text += fold(piece);
    while (this.#text.length > CHUNK) {
      const end = wholeCharacters(this.#text, CHUNK);
      yield indexed(this.#text.slice(0, end));
      const next = wholeCharacters(this.#text, end - OVERLAP);
      this.#text = this.#text.slice(next);
      this.#old = end - next;
    }
  }

  /** The last chunk, if there is anything that was in none. */
  end(): string | undefined {
    return this.#text.length > this.#old ? indexed(this.#text) : undefined;
  }
}

/** The tokenizer would end at a NUL. */
function indexed(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\ufffd") : text;
}

/** The largest length up to the bound that does not part a surrogate pair. */
function wholeCharacters(text: string, bound: number): number {
  if (bound >= text.length) return text.length;
  const next = text.charCodeAt(bound);
  return next >= 0xdc00 && next <= 0xdfff ? bound - 1 : bound;
}
