import type { FetchItem } from "../fetch-items.ts";
import type { Session } from "../session.ts";
import { learnRows } from "../sort/learn-rows.ts";
import { type SortKey, sortOrder, wantedFor } from "../sort/sort-key.ts";
import type { MailboxView } from "../view.ts";
import { formatString } from "../wire/format.ts";
import { formatSet, lowerBound } from "../wire/sequence-set.ts";
import { evaluate } from "./evaluate.ts";
import type { SearchKey } from "./search-key.ts";

/** UIDs that stand, or stood, one after another in a result, with the position of the first, from 1. */
interface Run {
  readonly position: number;
  readonly uids: number[];
}

/** A search whose result is kept up to date at the client (RFC 5267 section 4.3). */
export interface SearchToFollow {
  readonly tag: string;
  /** The client hears of UIDs, not of sequence numbers. */
  readonly uid: boolean;
  /** Sequence numbers in it are frozen (frozen-key.ts). */
  readonly key: SearchKey;
  /** Undefined for a result in the order of the mailbox. */
  readonly sort: readonly SortKey[] | undefined;
  /** What is told of new messages that come into the result (RFC 5465 section 7). */
  readonly items: readonly FetchItem[];
  /** What follows the tag in each response (RFC 7377). */
  readonly correlators?: string;
}

/**
 * A result as the client has it. Changes are told in ADDTO and REMOVEFROM: with exact positions for SORT, and with
 * position 0 for SEARCH, whose order the client knows (sections 4.3.3 and 4.3.4).
 */
export class FollowedSearch {
  readonly #search: SearchToFollow;
  readonly #uids: number[];
  readonly #members: Set<number>;

  constructor(search: SearchToFollow, uids: readonly number[]) {
    this.#search = search;
    this.#uids = [...uids];
    this.#members = new Set(uids);
  }

  /** The client hears of sequence numbers. */
  get numbered(): boolean {
    return !this.#search.uid;
  }

  get items(): readonly FetchItem[] {
    return this.#search.items;
  }

  has(uid: number): boolean {
    return this.#members.has(uid);
  }

  /** Takes these out of the result; the response, empty where none was in it. To be sent while their sequence numbers hold. */
  remove(view: MailboxView, uids: Iterable<number>): string {
    return this.#format(view, this.#takeOut(uids));
  }

  /** Looks at these messages again; the responses for what came into the result and what left it. */
  async update(session: Session, view: MailboxView, touched: readonly number[]): Promise<string> {
    const { pace, signal, options } = session;
    const context = { view, now: options.clock.now(), pace, signal };
    const fitting = new Set(await evaluate(context, this.#search.key, touched));
    const entering = touched.filter((uid) => fitting.has(uid) && !this.#members.has(uid));
    const removed = this.#takeOut(touched.filter((uid) => !fitting.has(uid)));
    const added =
      this.#search.sort === undefined ? this.#insert(entering) : await this.#insertSorted(session, view, entering);
    return this.#format(view, removed) + this.#format(view, added, "ADDTO");
  }

  /** From the last to the first, so that each position holds when it is told. */
  #takeOut(uids: Iterable<number>): Run[] {
    const leaving = new Set<number>();
    for (const uid of uids) if (this.#members.delete(uid)) leaving.add(uid);
    if (leaving.size === 0) return [];
    const runs: Run[] = [];
    let kept = 0;
    let last: number | undefined;
    for (const [index, uid] of this.#uids.entries()) {
      if (leaving.has(uid)) {
        if (last === index - 1) runs.at(-1)?.uids.push(uid);
        else runs.push({ position: index + 1, uids: [uid] });
        last = index;
      } else this.#uids[kept++] = uid;
    }
    this.#uids.length = kept;
    return runs.toReversed();
  }

  #insert(ascending: readonly number[]): Run[] {
    if (ascending.length === 0) return [];
    const position = lowerBound(this.#uids, ascending[0] as number) + 1;
    for (const uid of ascending) {
      this.#members.add(uid);
      this.#uids.push(uid);
    }
    if (position <= this.#uids.length - ascending.length) this.#uids.sort((a, b) => a - b);
    return [{ position, uids: [...ascending] }];
  }

  async #insertSorted(session: Session, view: MailboxView, uids: readonly number[]): Promise<Run[]> {
    const { sort = [] } = this.#search;
    const columns = await session.options.sortables.of(view.mailbox);
    const compare = sortOrder(columns, sort);
    const rowsOf = (some: readonly number[]): Promise<number[]> =>
      learnRows(session, view.mailbox, columns, some, wantedFor(sort));
    const runs: Run[] = [];
    for (const row of (await rowsOf(uids)).sort(compare)) {
      let low = 0;
      let high = this.#uids.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        // Messages that are gone by now cannot be compared, and matter no more: the next one that is there is asked.
        let probe = middle;
        let [other] = await rowsOf([this.#uids[probe] as number]);
        while (other === undefined && ++probe < high) [other] = await rowsOf([this.#uids[probe] as number]);
        if (other !== undefined && compare(other, row) < 0) low = probe + 1;
        else high = middle;
      }
      const run = this.#place(low, columns.uids[row] as number);
      const last = runs.at(-1);
      if (last !== undefined && last.position + last.uids.length === run.position) last.uids.push(...run.uids);
      else runs.push(run);
    }
    return runs;
  }

  #place(index: number, uid: number): Run {
    this.#uids.splice(index, 0, uid);
    this.#members.add(uid);
    return { position: index + 1, uids: [uid] };
  }

  #format(view: MailboxView, runs: readonly Run[], item = "REMOVEFROM"): string {
    if (runs.length === 0) return "";
    const { tag, uid, sort, correlators = "" } = this.#search;
    const set = (uids: readonly number[]) => formatSet(uid ? uids : uids.map((member) => view.sequenceOf(member)));
    const pairs =
      sort === undefined
        ? `0 ${set(runs.flatMap(({ uids }) => uids).sort((a, b) => a - b))}`
        : runs.map(({ position, uids }) => `${position} ${set(uids)}`).join(" ");
    return `* ESEARCH (TAG ${formatString(tag)}${correlators})${uid ? " UID" : ""} ${item} (${pairs})\r\n`;
  }
}
