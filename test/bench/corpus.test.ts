import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type ParsedMail, simpleParser } from "mailparser";
import { COMMON_WORD, Corpus, RARE_SENDER, RARE_WORD } from "../../bench/imap/corpus/corpus.ts";

const COUNT = 200;

let scratch: string;
let corpus: Corpus;
let parsed: ParsedMail[];

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "postern-corpus-"));
  corpus = new Corpus(scratch, COUNT);
  parsed = await Promise.all(
    corpus.letters(0, COUNT).map(({ content }) => simpleParser(content, { skipTextToHtml: true })),
  );
}, 60_000);

afterAll(() => {
  corpus.close();
  rmSync(scratch, { recursive: true });
});

function where(holds: (letter: ParsedMail) => boolean): number[] {
  return parsed.flatMap((letter, index) => (holds(letter) ? [index] : []));
}

function body({ text, html }: ParsedMail): string {
  return `${text ?? ""}${html === false ? "" : html}`;
}

test("the same letters come out each time", () => {
  const again = mkdtempSync(join(tmpdir(), "postern-corpus-"));
  const other = new Corpus(again, COUNT);
  const digest = (of: Corpus): string =>
    createHash("sha256")
      .update(Buffer.concat(of.letters(0, COUNT).map(({ content }) => content)))
      .digest("hex");
  expect(digest(other)).toBe(digest(corpus));
  expect(other.places).toEqual(corpus.places);
  other.close();
  rmSync(again, { recursive: true });
});

test("an independent parser finds the words that are searched for where the corpus says, and nowhere else", () => {
  expect(where((letter) => body(letter).includes(RARE_WORD))).toEqual(corpus.rareInBody);
  expect(where((letter) => letter.subject?.includes(RARE_WORD) === true)).toEqual(corpus.rareInSubject);
  expect(where((letter) => letter.from?.value[0]?.address === RARE_SENDER.address)).toEqual(corpus.rareSender);
  expect(where((letter) => body(letter).includes(COMMON_WORD))).toHaveLength(corpus.common);
});

test("dates and message ids are what the corpus says, and threads refer to letters that came before", () => {
  const seen = new Set<string>();
  for (const [index, letter] of parsed.entries()) {
    expect([letter.date?.getTime(), letter.messageId]).toEqual([
      corpus.places[index]?.sent,
      corpus.places[index]?.messageId,
    ]);
    for (const reference of [letter.references ?? []].flat()) expect(seen).toContain(reference);
    seen.add(letter.messageId ?? "");
  }
  expect(where((letter) => letter.references !== undefined).length).toBeGreaterThan(COUNT / 4);
});

test("letters are of the kinds and sizes that mail is", () => {
  expect(corpus.medianOctets).toBeGreaterThan(6_000);
  expect(corpus.medianOctets).toBeLessThan(10_000);
  expect(where(({ attachments }) => attachments.length > 0).length).toBeGreaterThan(COUNT / 20);
  expect(where(({ html, text }) => html !== false && text !== undefined).length).toBeGreaterThan(COUNT / 4);
  expect(where(({ subject }) => /[^\x20-\x7e]/.test(subject ?? "")).length).toBeGreaterThan(COUNT / 20);
});
