/** Text that has the statistics of language and no meaning: a large vocabulary, of which few words are used often. */
import { encodeQuotedPrintable } from "./encodings.ts";
import type { Random } from "./random.ts";

const FREQUENT = (
  "the to of and a in is that for it on you this with be are as have we not at will or by can from if but your all so " +
  "would about which there please they what more when out any one me up time could just like been has our some new " +
  "meeting project team week report invoice order account message customer service version release issue review " +
  "document file change request today tomorrow question answer budget contract price delivery payment number address"
).split(" ");
const FOREIGN = (
  "für können größer Straße grüße été déjà français señor mañana reunião ação året själv źródło łódź žluťoučký " +
  "Привет встреча отчёт 会議 資料 確認 회의 자료 안녕하세요 שלום مرحبا"
).split(" ");
const CONSONANTS = "bcdfghjklmnprstvw".split("");
const VOWELS = "aeiou".split("");
const VOCABULARY = 12_000;
const LINES = 30_000;
const COLUMNS = 70;

/** One line without its end, as it stands and in quoted-printable. */
export interface ProseLine {
  readonly text: string;
  readonly quotedPrintable: string;
}

export class Prose {
  readonly #words: string[];
  readonly #english: ProseLine[];
  readonly #foreign: ProseLine[];

  constructor(random: Random) {
    this.#words = [...FREQUENT];
    // Syllables of a consonant and a vowel: no word of the corpus that is searched for can come about by chance.
    while (this.#words.length < VOCABULARY) {
      let word = "";
      for (let syllables = 2 + random.below(3); syllables > 0; syllables--)
        word += random.pick(CONSONANTS) + random.pick(VOWELS);
      this.#words.push(word);
    }
    this.#english = this.#lines(random, LINES, 0);
    this.#foreign = this.#lines(random, LINES / 5, 0.15);
  }

  word(random: Random): string {
    return random.pickCommon(this.#words);
  }

  foreignWord(random: Random): string {
    return random.pick(FOREIGN);
  }

  /** Lines that follow each other, of about that many octets in all. */
  text(random: Random, octets: number, foreign: boolean): ProseLine[] {
    const lines = foreign ? this.#foreign : this.#english;
    const count = Math.max(1, Math.round(octets / (COLUMNS * 0.85)));
    const start = random.below(lines.length);
    return Array.from({ length: count }, (_, index) => lines[(start + index) % lines.length] as ProseLine);
  }

  #lines(random: Random, count: number, foreignShare: number): ProseLine[] {
    return Array.from({ length: count }, () => {
      if (random.chance(0.12)) return proseLine("");
      let text = "";
      const columns = random.chance(0.2) ? COLUMNS / 2 : COLUMNS;
      for (;;) {
        const word = random.chance(foreignShare) ? random.pick(FOREIGN) : random.pickCommon(this.#words);
        if (text.length + word.length >= columns) return proseLine(`${text}.`);
        text += text === "" ? word : random.chance(0.08) ? `, ${word}` : ` ${word}`;
      }
    });
  }
}

export function proseLine(text: string): ProseLine {
  return { text, quotedPrintable: encodeQuotedPrintable(text) };
}
