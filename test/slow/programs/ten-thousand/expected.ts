/** What is true of the letters of the large INBOX. */
import { type CorpusLetter, corpusLetter } from "../../../../rig/corpus.ts";
import { LETTERS } from "./large-mailbox.ts";

export type Summary = Pick<CorpusLetter, "subject" | "seen" | "flagged"> & { readonly octets: number };

/** The letters by their number. */
export const summaries: readonly Summary[] = Array.from({ length: LETTERS }, (_, number) => {
  const { subject, seen, flagged, raw } = corpusLetter(number);
  return { subject, seen, flagged, octets: raw.length };
});

export function countLetters(holds: (letter: Summary) => boolean): number {
  return summaries.filter(holds).length;
}

/** Octets of all letters together. */
export const CORPUS_OCTETS = summaries.reduce((sum, { octets }) => sum + octets, 0);
