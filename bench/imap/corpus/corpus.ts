/**
 * Letters that are the same for the same count, in one file in a temporary folder: threads over four years, and words
 * at known places, so that answers can be checked.
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Correspondent, LetterWriter, type Shape } from "./letter.ts";
import { Prose } from "./prose.ts";
import { Random } from "./random.ts";

/** In the bodies of seven letters, in the subjects of two others. */
export const RARE_WORD = "quartzvein";
/** In the body of every third letter. */
export const COMMON_WORD = "lanternlight";
/** The sender of nine letters. */
export const RARE_SENDER: Correspondent = { name: "The Warden", address: "warden@gatehouse.example" };

const SEED = 20260101;
const YEARS = 4;
const END = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;
const FIRST_NAMES = ["Anna", "Ben", "Chloé", "Dmitri", "Elena", "Frédéric", "Jürgen", "Łukasz", "Zoë", "健太"];
const LAST_NAMES = ["Smith", "Müller", "Rossi", "Dubois", "Kowalski", "Nguyễn", "Haddad", "Okafor", "山田", "Brown"];
const WRITE_OCTETS = 8 * 1024 * 1024;

export interface CorpusLetter {
  readonly content: Buffer;
  /** System flags with their backslashes. */
  readonly flags: readonly string[];
  /** Milliseconds since 1970: when it was received; whole seconds. */
  readonly received: number;
}

interface Place {
  readonly offset: number;
  readonly octets: number;
  readonly flags: readonly string[];
  readonly received: number;
  /** Milliseconds since 1970, of its header Date. */
  readonly sent: number;
  readonly messageId: string;
}

interface Thread {
  readonly subject: string;
  readonly ids: string[];
}

export class Corpus {
  readonly places: readonly Place[];
  readonly octets: number;
  /** Places, from 0, of what RARE_WORD stands in. */
  readonly rareInBody: readonly number[];
  readonly rareInSubject: readonly number[];
  readonly rareSender: readonly number[];
  readonly #file: number;

  /** Writes `count` letters to a file in the folder; about 30 KB each. */
  constructor(folder: string, count: number) {
    const at = (fractions: readonly number[]): number[] => [
      ...new Set(fractions.map((fraction) => Math.floor(fraction * count))),
    ];
    this.rareInBody = at([0.03, 0.11, 0.23, 0.37, 0.52, 0.71, 0.94]);
    this.rareInSubject = at([0.19, 0.66]);
    this.rareSender = at([0.01, 0.07, 0.16, 0.28, 0.33, 0.49, 0.58, 0.81, 0.99]);
    this.#file = openSync(join(folder, "corpus"), "w+", 0o600);
    this.places = this.#write(count);
    this.octets = this.places.reduce((sum, place) => sum + place.octets, 0);
  }

  get count(): number {
    return this.places.length;
  }

  get common(): number {
    return Math.ceil(this.count / 3);
  }

  get medianOctets(): number {
    const sizes = this.places.map((place) => place.octets).toSorted((a, b) => a - b);
    return sizes[Math.floor(sizes.length / 2)] ?? 0;
  }

  /** @throws where there is none of that index */
  letter(index: number): CorpusLetter {
    const place = this.places[index];
    if (place === undefined) throw new Error(`the corpus has no letter ${index}`);
    const content = Buffer.allocUnsafe(place.octets);
    readSync(this.#file, content, 0, place.octets, place.offset);
    return { content, flags: place.flags, received: place.received };
  }

  letters(from: number, to: number): CorpusLetter[] {
    return Array.from({ length: to - from }, (_, index) => this.letter(from + index));
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(count: number): Place[] {
    const random = new Random(SEED);
    const prose = new Prose(random);
    const writer = new LetterWriter(random, prose);
    const people = Array.from({ length: 500 }, (_, index) => ({
      name: `${random.pick(FIRST_NAMES)} ${random.pick(LAST_NAMES)}`,
      address: `${prose.word(random)}${index}@${prose.word(random)}.example`,
    }));
    const me: Correspondent = { name: "Ann", address: "ann@example.org" };
    const [rareInBody, rareInSubject, rareSender] = [this.rareInBody, this.rareInSubject, this.rareSender].map(
      (indices) => new Set(indices),
    ) as [Set<number>, Set<number>, Set<number>];
    const threads: Thread[] = [];
    const places: Place[] = [];
    let pending: Buffer[] = [];
    let pendingOctets = 0;
    let offset = 0;
    for (let index = 0; index < count; index++) {
      const foreign = random.chance(0.15);
      const messageId = `<${random.hex(16)}.${index}@${prose.word(random)}.example>`;
      const thread: Thread =
        threads.length > 0 && random.chance(0.45) && !rareInSubject.has(index)
          ? random.pickCommon(threads)
          : { subject: subjectOf(random, prose, foreign), ids: [] };
      const subject = thread.ids.length === 0 ? thread.subject : `Re: ${thread.subject}`;
      const received = Math.floor((END - YEARS * 365 * DAY * (1 - index / count)) / 1000) * 1000;
      const sent = received - random.below(2 * 86_400) * 1000;
      const content = writer.write({
        from: rareSender.has(index) ? RARE_SENDER : random.pickCommon(people),
        to: random.chance(0.8) ? [me] : [me, random.pick(people), random.pick(people)],
        subject: rareInSubject.has(index) ? `${RARE_WORD} ${subject}` : subject,
        messageId,
        references: [...thread.ids],
        date: sent,
        shape: shapeOf(random),
        foreign,
        planted: [
          ...(index % 3 === 0 ? [`We saw the ${COMMON_WORD} again.`] : []),
          ...(rareInBody.has(index) ? [`There was a ${RARE_WORD} in the wall.`] : []),
        ],
      });
      if (thread.ids.length === 0 && !rareInSubject.has(index)) threads.unshift(thread);
      if (threads.length > 300) threads.pop();
      if (thread.ids.push(messageId) > 40) threads.splice(threads.indexOf(thread), 1);
      const flags = [
        ...(random.chance(0.7) ? ["\\Seen"] : []),
        ...(random.chance(0.1) ? ["\\Answered"] : []),
        ...(random.chance(0.05) ? ["\\Flagged"] : []),
      ];
      places.push({ offset, octets: content.length, flags, received, sent, messageId });
      offset += content.length;
      pending.push(content);
      pendingOctets += content.length;
      if (pendingOctets >= WRITE_OCTETS || index === count - 1) {
        writeSync(this.#file, Buffer.concat(pending));
        pending = [];
        pendingOctets = 0;
      }
    }
    return places;
  }
}

function shapeOf(random: Random): Shape {
  const chance = random.next();
  return chance < 0.36 ? "plain" : chance < 0.46 ? "html" : chance < 0.86 ? "alternative" : "mixed";
}

function subjectOf(random: Random, prose: Prose, foreign: boolean): string {
  const words = Array.from({ length: 3 + random.below(5) }, () => prose.word(random));
  if (foreign) words.splice(1, 0, prose.foreignWord(random), prose.foreignWord(random));
  return words.join(" ");
}
