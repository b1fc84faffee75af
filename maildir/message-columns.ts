import { DELETED, type FlagSet, formatFlags, SEEN } from "./flags.ts";
import { SPARE_FLAG_SETS } from "./limits.ts";
import type { MessageSummary } from "./message.ts";
import type { StoredMessage, Totals } from "./message-index.ts";

/** What is held of a message, as the index gives it. */
export type ColumnRow = readonly [
  uid: number,
  bits: number,
  keywords: string,
  modSeq: number,
  internalDate: number,
  saveDate: number,
  size: number,
  content: number,
];

/** The identifiers of a message, which are rarely asked for. */
export type ObjectIds = Pick<StoredMessage, "emailId" | "threadId">;

interface KnownFlags extends FlagSet {
  readonly names: readonly string[];
}

/**
 * What mail programs ask of every message of a mailbox again and again, in memory: a column each, some 60 octets a
 * message. It is as the last commit left it. While it is being loaded it holds the mailbox's first messages.
 */
export class MessageColumns {
  readonly uids: number[] = [];
  readonly #modSeqs: number[] = [];
  readonly #internalDates: number[] = [];
  readonly #saveDates: number[] = [];
  readonly #sizes: number[] = [];
  readonly #contents: number[] = [];
  /** Positions in `#known`: few different sets of flags occur. */
  readonly #flags: number[] = [];
  #known: KnownFlags[] = [];
  readonly #positions = new Map<string, number>();
  /** So many sets may be known before those that no message has are forgotten. */
  #room = SPARE_FLAG_SETS;
  /** Where the message is that was asked for last. */
  #asked = 0;
  #unseen = 0;
  #deleted = 0;
  #size = 0;
  #deletedSize = 0;

  /** Messages, in the order of their UIDs; those that are there already are passed over. */
  add(rows: Iterable<ColumnRow>): void {
    let last = this.uids.at(-1) ?? 0;
    for (const [uid, bits, keywords, modSeq, internalDate, saveDate, size, content] of rows) {
      if (uid <= last) continue;
      last = uid;
      this.uids.push(uid);
      this.#modSeqs.push(modSeq);
      this.#internalDates.push(internalDate);
      this.#saveDates.push(saveDate);
      this.#sizes.push(size);
      this.#contents.push(content);
      this.#flags.push(this.#position({ bits, keywords }));
      this.#size += size;
      this.#countFlags(bits, size, 1);
    }
  }

  setFlags(uids: readonly number[], flags: FlagSet, modSeq: number): void {
    const position = this.#position(flags);
    for (const uid of uids) {
      const index = this.#indexOf(uid);
      if (index < 0) continue;
      const size = this.#sizes[index] as number;
      this.#countFlags(this.#flagsAt(index).bits, size, -1);
      this.#countFlags(flags.bits, size, 1);
      this.#flags[index] = position;
      this.#modSeqs[index] = modSeq;
    }
  }

  /** UIDs ascending. */
  remove(uids: readonly number[]): void {
    const gone = uids.map((uid) => this.#indexOf(uid)).filter((index) => index >= 0);
    for (const index of gone) {
      const size = this.#sizes[index] as number;
      this.#size -= size;
      this.#countFlags(this.#flagsAt(index).bits, size, -1);
    }
    for (const column of this.#all()) cut(column, gone);
  }

  get totals(): Totals {
    const [unseen, deleted, size, deletedSize] = [this.#unseen, this.#deleted, this.#size, this.#deletedSize];
    return { messages: this.uids.length, unseen, deleted, size, deletedSize };
  }

  uidsByFlag(flag: string, has: boolean): number[] {
    const wanted = flag.toLowerCase();
    const fits = this.#known.map(({ names }) => names.some((name) => name.toLowerCase() === wanted) === has);
    return this.uids.filter((_, index) => fits[this.#flags[index] as number]);
  }

  changedSince(modSeq: number): number[] {
    return this.uids.filter((_, index) => (this.#modSeqs[index] as number) > modSeq);
  }

  /** Which content each of the messages has; undefined where there is no such message. */
  contents(uids: readonly number[]): (number | undefined)[] {
    return uids.map((uid) => this.#contents[this.#indexOf(uid)]);
  }

  *summaries(uids: readonly number[], idsOf: (uid: number) => ObjectIds | undefined): Generator<MessageSummary> {
    for (const uid of uids) {
      const index = this.#indexOf(uid);
      if (index < 0) continue;
      yield new ColumnSummary(
        uid,
        this.#flagsAt(index).names,
        this.#modSeqs[index] as number,
        this.#internalDates[index] as number,
        this.#saveDates[index] as number,
        this.#sizes[index] as number,
        idsOf,
      );
    }
  }

  #all(): readonly number[][] {
    const columns = [this.uids, this.#modSeqs, this.#internalDates, this.#saveDates, this.#sizes, this.#contents];
    return [...columns, this.#flags];
  }

  #indexOf(uid: number): number {
    // UIDs come in long runs: as far from the one that was asked for before as there, it mostly stands.
    let index = this.#asked + uid - (this.uids[this.#asked] ?? 0);
    if (this.uids[index] !== uid) index = firstAtLeast(this.uids, uid);
    if (this.uids[index] !== uid) return -1;
    this.#asked = index;
    return index;
  }

  #flagsAt(index: number): KnownFlags {
    return this.#known[this.#flags[index] as number] as KnownFlags;
  }

  #position({ bits, keywords }: FlagSet): number {
    const known = this.#positions.get(flagsKey({ bits, keywords }));
    if (known !== undefined) return known;
    if (this.#known.length >= this.#room) this.#forgetUnused();
    return this.#learn({ bits, keywords, names: formatFlags({ bits, keywords }) });
  }

  #learn(flags: KnownFlags): number {
    this.#positions.set(flagsKey(flags), this.#known.length);
    return this.#known.push(flags) - 1;
  }

  /** A program may give each message keywords of its own, and other ones the next day. */
  #forgetUnused(): void {
    const before = this.#known;
    const moved = new Map<number, number>();
    this.#known = [];
    this.#positions.clear();
    for (const [index, old] of this.#flags.entries()) {
      const position = moved.get(old) ?? this.#learn(before[old] as KnownFlags);
      moved.set(old, position);
      this.#flags[index] = position;
    }
    this.#room = 2 * this.#known.length + SPARE_FLAG_SETS;
  }

  #countFlags(bits: number, size: number, sign: 1 | -1): void {
    if ((bits & SEEN) === 0) this.#unseen += sign;
    if ((bits & DELETED) === 0) return;
    this.#deleted += sign;
    this.#deletedSize += sign * size;
  }
}

/** The identifiers are looked up when somebody asks for them. */
class ColumnSummary implements MessageSummary {
  readonly uid: number;
  readonly flags: readonly string[];
  readonly modSeq: number;
  readonly internalDate: number;
  readonly saveDate: number;
  readonly size: number;
  readonly #idsOf: (uid: number) => ObjectIds | undefined;

  constructor(
    uid: number,
    flags: readonly string[],
    modSeq: number,
    internalDate: number,
    saveDate: number,
    size: number,
    idsOf: (uid: number) => ObjectIds | undefined,
  ) {
    this.uid = uid;
    this.flags = flags;
    this.modSeq = modSeq;
    this.internalDate = internalDate;
    this.saveDate = saveDate;
    this.size = size;
    this.#idsOf = idsOf;
  }

  get emailId(): string {
    return this.#idsOf(this.uid)?.emailId ?? "";
  }

  get threadId(): string | undefined {
    return this.#idsOf(this.uid)?.threadId;
  }
}

function flagsKey({ bits, keywords }: FlagSet): string {
  return `${bits} ${keywords}`;
}

/** The index of the first UID that is not below the bound. */
export function firstAtLeast(uids: readonly number[], bound: number): number {
  let low = 0;
  let high = uids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((uids[middle] as number) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Takes out what stands at these indexes, which ascend. A plain loop: `copyWithin` is fifty times slower. */
function cut(column: number[], indexes: readonly number[]): void {
  let to = indexes[0] ?? column.length;
  let position = 0;
  let gone = indexes[0] ?? -1;
  for (let from = to; from < column.length; from++) {
    if (from === gone) gone = indexes[++position] ?? -1;
    else column[to++] = column[from] as number;
  }
  column.length = to;
}
