import type { MessageLinks } from "../../mime/message-ids.ts";
import type { SortAddresses, SortFields } from "../../mime/sort-fields.ts";
import { TextNumbers } from "./text-numbers.ts";

/** Kinds of what is read of a message when it is first asked for; who has links has fields too. */
export type Kind = "fields" | "addresses" | "links";

/** Stands for the id of a message that has none. */
export const NO_ID = 0;

/** Stands for the empty text. */
export const NO_TEXT = 0;

const KNOWN: Readonly<Record<Kind, number>> = { fields: 1, addresses: 2, links: 4 };
const FIRST_ROOM = 64;

/**
 * What a mailbox's messages are sorted and threaded by, a column each, some 90 octets a message; a message is the number
 * of its row. Texts and ids are numbers too, of this mailbox alone. What is known does not change; a column is replaced
 * by a longer one as rows are added.
 */
export class SortColumns {
  readonly texts = new TextNumbers();
  uids = new Float64Array(FIRST_ROOM);
  /** Milliseconds since 1970. */
  arrivals = new Float64Array(FIRST_ROOM);
  sizes = new Float64Array(FIRST_ROOM);
  /** The sent date (RFC 5256 section 2.2). */
  dates = new Float64Array(FIRST_ROOM);
  subjects = new Int32Array(FIRST_ROOM);
  /** 1 for a reply or forward. */
  replies = new Int32Array(FIRST_ROOM);
  from = new Int32Array(FIRST_ROOM);
  to = new Int32Array(FIRST_ROOM);
  cc = new Int32Array(FIRST_ROOM);
  displayFrom = new Int32Array(FIRST_ROOM);
  displayTo = new Int32Array(FIRST_ROOM);
  ids = new Int32Array(FIRST_ROOM);
  /** Of each row as many `references`, oldest first, from `firstReference` on in `referenced`. */
  firstReference = new Int32Array(FIRST_ROOM);
  references = new Int32Array(FIRST_ROOM);
  referenced = new Int32Array(FIRST_ROOM);
  #known = new Int32Array(FIRST_ROOM);
  #referencedEnd = 0;
  readonly #rows = new Map<number, number>();
  readonly #idNumbers = new Map<string, number>();

  /** How many messages there are. */
  get size(): number {
    return this.#rows.size;
  }

  /** All numbers of ids are below it. */
  get idCount(): number {
    return this.#idNumbers.size + 1;
  }

  rowOf(uid: number): number | undefined {
    return this.#rows.get(uid);
  }

  knows(kind: Kind, row: number): boolean {
    return ((this.#known[row] as number) & KNOWN[kind]) !== 0;
  }

  /** A message of which nothing else is known yet. */
  add({
    uid,
    internalDate,
    size,
  }: {
    readonly uid: number;
    readonly internalDate: number;
    readonly size: number;
  }): void {
    if (this.#rows.has(uid)) return;
    const row = this.#rows.size;
    if (row === this.uids.length) this.#grow();
    this.#rows.set(uid, row);
    this.uids[row] = uid;
    this.arrivals[row] = internalDate;
    this.sizes[row] = size;
    this.dates[row] = internalDate;
  }

  setFields(row: number, { sent, subject, isReplyOrForward }: SortFields): void {
    this.#learn("fields", row);
    if (sent !== undefined) this.dates[row] = sent;
    this.subjects[row] = this.texts.numberOf(subject);
    this.replies[row] = isReplyOrForward ? 1 : 0;
  }

  setAddresses(row: number, { from, to, cc, displayFrom, displayTo }: SortAddresses): void {
    this.#learn("addresses", row);
    this.from[row] = this.texts.numberOf(from);
    this.to[row] = this.texts.numberOf(to);
    this.cc[row] = this.texts.numberOf(cc);
    this.displayFrom[row] = this.texts.numberOf(displayFrom);
    this.displayTo[row] = this.texts.numberOf(displayTo);
  }

  /** Of the references the newest, up to the limit. */
  setLinks(row: number, { id, references }: MessageLinks, limit: number): void {
    if (this.knows("links", row)) return;
    this.#learn("links", row);
    const count = Math.min(limit, references.length);
    while (this.#referencedEnd + count > this.referenced.length) this.referenced = longer(this.referenced);
    this.firstReference[row] = this.#referencedEnd;
    this.references[row] = count;
    for (let at = references.length - count; at < references.length; at++)
      this.referenced[this.#referencedEnd++] = this.#idNumber(references[at] as string);
    if (id !== undefined) this.ids[row] = this.#idNumber(id);
  }

  #learn(kind: Kind, row: number): void {
    this.#known[row] = (this.#known[row] as number) | KNOWN[kind];
  }

  #idNumber(id: string): number {
    let number = this.#idNumbers.get(id);
    if (number === undefined) {
      number = this.#idNumbers.size + 1;
      this.#idNumbers.set(id, number);
    }
    return number;
  }

  #grow(): void {
    for (const name of ["uids", "arrivals", "sizes", "dates"] as const) {
      const before = this[name];
      this[name] = new Float64Array(2 * before.length);
      this[name].set(before);
    }
    for (const name of ["subjects", "replies", "from", "to", "cc", "displayFrom", "displayTo"] as const)
      this[name] = longer(this[name]);
    for (const name of ["ids", "firstReference", "references"] as const) this[name] = longer(this[name]);
    this.#known = longer(this.#known);
  }
}

function longer(before: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const column = new Int32Array(2 * before.length);
  column.set(before);
  return column;
}
