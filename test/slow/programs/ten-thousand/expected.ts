/** What is true of the letters of the large INBOX. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CorpusLetter, corpusLetter } from "../../../../rig/corpus.ts";
import { LETTERS, preparedHomes } from "./large-mailbox.ts";

export type Summary = Pick<CorpusLetter, "subject" | "seen" | "flagged"> & {
  readonly octets: number;
  readonly digest: string;
};

/** The letters by their number. */
export const summaries: readonly Summary[] = readSummaries();

/** From a file that the first test file writes: to make ten thousand letters again takes Jest five seconds. */
function readSummaries(): Summary[] {
  const path = join(preparedHomes(), "summaries.json");
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")) as Summary[];
  const made = Array.from({ length: LETTERS }, (_, number): Summary => {
    const { subject, seen, flagged, raw } = corpusLetter(number);
    return { subject, seen, flagged, octets: raw.length, digest: digestOf(raw) };
  });
  writeFileSync(path, JSON.stringify(made));
  return made;
}

/** Of a letter's octets, whichever way its lines end: programs of Unix keep them with LF. */
function digestOf(letter: Buffer): string {
  return createHash("sha256").update(letter.toString("latin1").replaceAll("\r\n", "\n"), "latin1").digest("hex");
}

/** Numbers of the letters that are not among these, octet for octet but for the ends of their lines. */
export function missingLetters(among: readonly Buffer[]): number[] {
  const found = new Set(among.map(digestOf));
  return summaries.flatMap(({ digest }, number) => (found.has(digest) ? [] : [number]));
}

export const subjectOf = (number: number): string => summaries[number]?.subject ?? corpusLetter(number).subject;

/** The end of a subject, which no other has. */
export const tagOf = (number: number): string => `s${String(number).padStart(5, "0")}`;

export function countLetters(holds: (letter: Summary) => boolean): number {
  return summaries.filter(holds).length;
}

/** Octets of all letters together. */
export const CORPUS_OCTETS = summaries.reduce((sum, { octets }) => sum + octets, 0);
