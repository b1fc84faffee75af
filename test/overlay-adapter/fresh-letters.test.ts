import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { FreshLetters } from "../../overlay-adapter/letters/fresh-letters.ts";
import { inlineChunk, openChunk } from "../../overlay-adapter/letters/letter-content.ts";
import type { OutgoingLetter } from "../../overlay-adapter/letters/outbox.ts";
import { controlLetter } from "../../overlay-adapter/letters/prepared-letter.ts";
import { FRESH_OCTETS } from "../../overlay-adapter/limits.ts";

const letterOf = (octets: number): OutgoingLetter => controlLetter(randomBytes(octets), randomBytes);

test("a letter with many recipients is sealed once, and its chunks are those that each of them would get", () => {
  const fresh = new FreshLetters();
  const letter = letterOf(30_000);
  fresh.add(letter, 3);
  const taken = [1, 2, 3].map(() => fresh.take(letter.letter)?.sealed);
  expect(taken[0]).toBeDefined();
  expect(taken[1]).toBe(taken[0]);
  expect(taken[2]).toBe(taken[0]);
  const first = openChunk(letter.contentKey, 0, taken[0]?.[0] as Buffer);
  expect(first).toEqual(inlineChunk(letter.inline as Buffer, 0));
});

test("with its last recipient a letter goes, and is in the database alone", () => {
  const fresh = new FreshLetters();
  const letter = letterOf(100);
  fresh.add(letter, 1);
  expect(fresh.take(letter.letter)).toBe(letter);
  expect(fresh.take(letter.letter)).toBeUndefined();
});

test("beyond the bound the oldest go", () => {
  const fresh = new FreshLetters();
  const letters = Array.from({ length: 3 }, () => letterOf(FRESH_OCTETS / 2));
  for (const letter of letters) fresh.add(letter, 1);
  expect(letters.map(({ letter }) => fresh.take(letter) !== undefined)).toEqual([false, true, true]);
});
