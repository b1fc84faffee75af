import type { MessageLinks } from "../../mime/message-ids.ts";
import type { SortAddresses, SortFields } from "../../mime/sort-fields.ts";
import type { Pace } from "../pace.ts";
import { NumberedTexts, type PackedTexts } from "./numbered-texts.ts";
import { TextNumbers } from "./text-numbers.ts";

/** Kinds of what is read of a message when it is first asked for; who has links has fields too. */
export type Kind = "fields" | "addresses" | "links";

/** Stands for the id of a message that has none. */
export const NO_ID = 0;

/** Stands for the empty text. */
export const NO_TEXT = 0;

const KNOWN: Readonly<Record<Kind, number>> = { fields: 1, addresses: 2, links: 4 };
const FIRST_ROOM = 64;

const FLOATS = ["uids", "arrivals", "sizes", "dates"] as const;
const TEXTS = ["subjects", "from", "to", "cc", "displayFrom", "displayTo"] as const;
const INTEGERS = [...TEXTS, "replies", "ids", "firstReference", "references", "known"] as const;

/** The columns of all rows, to be kept and made of again. */
export interface PackedColumns {
  readonly floats: Readonly<Record<(typeof FLOATS)[number], Float64Array<ArrayBuffer>>>;
  readonly integers: Readonly<Record<(typeof INTEGERS)[number], Int32Array<ArrayBuffer>>>;
  readonly referenced: Int32Array<ArrayBuffer>;
  readonly texts: PackedTexts;
  readonly idNames: PackedTexts;
}

/**
 * What a mailbox's messages are sorted and threaded by, a column each, some 90 octets a message; a message is the number
 * of its row. Texts and ids are numbers too, of this mailbox alone. What is known does not change; a column is replaced
 * by a longer one as rows are added.
 */
export class SortColumns {
  readonly texts: TextNumbers;
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
  /** What is known of each row. */
  known = new Int32Array(FIRST_ROOM);
  /** How many things were learnt since the columns were packed. */
  learnt = 0;
  #size = 0;
  #referencedEnd = 0;
  /** So many rows at the beginning ascend by UID; the others are found by their UIDs. */
  #ascending = 0;
  /** The row that was asked for last. */
  #asked = 0;
  readonly #strays = new Map<number, number>();
  readonly #idNames: NumberedTexts;

  constructor(packed?: PackedColumns) {
    this.texts = new TextNumbers(packed?.texts);
    this.#idNames = new NumberedTexts(packed?.idNames);
    if (packed === undefined) return;
    Object.assign(this, packed.floats, packed.integers);
    this.referenced = packed.referenced;
    this.#size = this.#ascending = packed.floats.uids.length;
    this.#referencedEnd = packed.referenced.length;
  }

  /** How many messages there are. */
  get size(): number {
    return this.#size;
  }

  /** All numbers of ids are below it. */
  get idCount(): number {
    return this.#idNames.count;
  }

  rowOf(uid: number): number | undefined {
    // UIDs come in long runs: as far from the one that was asked for before as there, it mostly stands.
    const near = this.#asked + uid - (this.uids[this.#asked] as number);
    if (near >= 0 && near < this.#ascending && this.uids[near] === uid) return (this.#asked = near);
    let low = 0;
    let high = this.#ascending;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.uids[middle] as number) < uid) low = middle + 1;
      else high = middle;
    }
    if (low === this.#ascending || this.uids[low] !== uid) return this.#strays.get(uid);
    return (this.#asked = low);
  }

  knows(kind: Kind, row: number): boolean {
    return ((this.known[row] as number) & KNOWN[kind]) !== 0;
  }

  /** Makes ready for what is added, where much was packed. */
  async unpack(pace: Pace): Promise<void> {
    await this.texts.unpack(pace);
    await this.#idNames.unpack(pace);
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
    if (this.rowOf(uid) !== undefined) return;
    const row = this.#size++;
    if (row >= this.uids.length) this.#grow();
    if (row === this.#ascending && (row === 0 || uid > (this.uids[row - 1] as number))) this.#ascending++;
    else this.#strays.set(uid, row);
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
      this.referenced[this.#referencedEnd++] = this.#idNames.numberOf(references[at] as string);
    if (id !== undefined) this.ids[row] = this.#idNames.numberOf(id);
  }

  /** The columns by ascending UID, without room for more, and texts numbered in their order. */
  async pack(pace: Pace): Promise<PackedColumns> {
    await this.texts.ranks(pace);
    this.learnt = 0;
    const { packed: texts, renumbered } = this.texts.packSorted();
    const rows = this.#ascending < this.#size ? this.#rowsByUid() : undefined;
    const inOrder = <C extends Float64Array | Int32Array>(column: C): C => {
      const ordered = column.slice(0, this.#size) as C;
      if (rows !== undefined) for (const [at, row] of rows.entries()) ordered[at] = column[row] as number;
      return ordered;
    };
    const floats = FLOATS.map((name) => [name, inOrder(this[name])]);
    const integers = Object.fromEntries(
      INTEGERS.map((name) => [name, inOrder(this[name])]),
    ) as PackedColumns["integers"];
    for (const name of TEXTS) {
      const column = integers[name];
      for (let row = 0; row < column.length; row++) column[row] = renumbered[column[row] as number] as number;
    }
    return {
      floats: Object.fromEntries(floats) as PackedColumns["floats"],
      integers,
      referenced: this.referenced.slice(0, this.#referencedEnd),
      texts,
      idNames: this.#idNames.pack(),
    };
  }

  #rowsByUid(): number[] {
    const rows = Array.from({ length: this.#size }, (_, row) => row);
    return rows.sort((a, b) => (this.uids[a] as number) - (this.uids[b] as number));
  }

  #learn(kind: Kind, row: number): void {
    this.known[row] = (this.known[row] as number) | KNOWN[kind];
    this.learnt++;
  }

  #grow(): void {
    for (const name of FLOATS) {
      const before = this[name];
      this[name] = new Float64Array(Math.max(FIRST_ROOM, 2 * before.length));
      this[name].set(before);
    }
    for (const name of INTEGERS) this[name] = longer(this[name]);
  }
}

function longer(before: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const column = new Int32Array(Math.max(FIRST_ROOM, 2 * before.length));
  column.set(before);
  return column;
}
