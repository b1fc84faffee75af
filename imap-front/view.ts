import { SYSTEM_FLAGS } from "./flags.ts";
import type { Mailbox, MailboxChange, MessageSummary } from "./store.ts";
import { SyntaxFailure } from "./wire/scanner.ts";
import { formatSet, lowerBound, type MessageSet, membersIn, normaliseSet } from "./wire/sequence-set.ts";

/** Messages whose changed flags are read and told at a time. */
const BATCH = 256;

/** What a client wants to hear of the changes that others make (RFC 5465 section 6.1). */
export interface Wanted {
  /** Messages that come and go. */
  readonly messages: boolean;
  readonly flags: boolean;
}

export const EVERYTHING: Wanted = { messages: true, flags: true };
export const NOTHING: Wanted = { messages: false, flags: false };

/** How a client wants to hear of changes. */
export interface FlushOptions {
  /** What is not wanted waits until it is; what the session itself did is told all the same. */
  readonly wanted: Wanted;
  /** EXPUNGE and VANISHED may be told now (RFC 9051 section 7.5.1). */
  readonly expunge: boolean;
  /** VANISHED in place of EXPUNGE (RFC 7162 section 3.2.10). */
  readonly vanished: boolean;
  /** UIDFETCH in place of FETCH (RFC 9586 section 3.3). */
  readonly uidOnly: boolean;
  /** UID and MODSEQ in each FETCH. */
  readonly uid: boolean;
  readonly modSeq: boolean;
  /** `\Recent` and RECENT, of which IMAP4rev2 knows nothing. */
  readonly recent: boolean;
}

/** Lists of flags as they are written: many messages share one. */
const FORMATTED = new WeakMap<readonly string[], string>();

/**
 * One session's view of its selected mailbox: which sequence number is which UID, as the client was told. Changes
 * queue up and are told by `flush`, where RFC 9051 sections 5.5 and 7.5.1 allow it; until then the numbers stay.
 */
export class MailboxView {
  readonly mailbox: Mailbox;
  readonly readOnly: boolean;
  /** Called when there is something to flush; set while the client listens without a command that could tell it. */
  onPending: (() => void) | undefined;
  /** The mailbox was removed by somebody: nothing more can be told of it. */
  removed = false;
  /** HIGHESTMODSEQ as SELECT told it. */
  modSeqAtSelect = 0;
  #uids: number[];
  #recent: Set<number>;
  #saved: readonly number[] = [];
  #recentToTell = false;
  #keywords = "";
  readonly #added: number[] = [];
  readonly #expunged = new Set<number>();
  readonly #flagged = new Set<number>();
  /** What the session itself did and is to be told of: messages that it added, that it expunged some, that it asks for flags. */
  readonly #ownAdded = new Set<number>();
  #ownExpunged = false;
  #ownFlags = false;
  /** Where the message is whose sequence number was asked for last. */
  #asked = 0;
  /** Messages that others added and of which the client was told last. */
  #fresh: readonly number[] = [];
  /** What came, changed or decides what `*` is, whoever did it; kept only while searches are followed. */
  #touched: Set<number> | undefined;
  #lastTouched = 0;
  readonly #unwatch: () => void;

  constructor(mailbox: Mailbox, readOnly: boolean) {
    this.mailbox = mailbox;
    this.readOnly = readOnly;
    this.#unwatch = mailbox.watch((change) => this.#note(change));
    this.#uids = [...mailbox.uids()];
    this.#recent = new Set(readOnly ? [] : mailbox.claimRecent());
  }

  close(): void {
    this.onPending = undefined;
    this.#unwatch();
  }

  /** How many messages the client knows. */
  get size(): number {
    return this.#uids.length;
  }

  get recentCount(): number {
    return this.readOnly ? this.mailbox.status().recent : this.#recent.size;
  }

  /** True if the client knows messages that are gone. */
  get hasExpunged(): boolean {
    return this.#expunged.size > 0;
  }

  /** True if the message is gone, and the client was not told yet. */
  isExpunged(uid: number): boolean {
    return this.#expunged.has(uid);
  }

  isRecent(uid: number): boolean {
    return this.#recent.has(uid);
  }

  /** The message's sequence number; 0 if the client does not know it. */
  sequenceOf(uid: number): number {
    // UIDs come in long runs: as far from the one that was asked for before as there, it mostly stands.
    let index = this.#asked + uid - (this.#uids[this.#asked] ?? 0);
    if (this.#uids[index] !== uid) index = lowerBound(this.#uids, uid);
    if (this.#uids[index] !== uid) return 0;
    this.#asked = index;
    return index + 1;
  }

  /** What a response about the message begins with: `* 3 FETCH (`, or `* 12 UIDFETCH (` where numbers are not wanted (RFC 9586 section 3.3). */
  fetchStart(uid: number, uidOnly: boolean): string {
    return uidOnly ? `* ${uid} UIDFETCH (` : `* ${this.sequenceOf(uid)} FETCH (`;
  }

  /** Every UID that the client knows, ascending. */
  get uids(): readonly number[] {
    return this.#uids;
  }

  /**
   * UIDs of the messages that the set names, ascending, each once; messages that are gone but not yet told of are among
   * them. A UID that does not exist is passed over; a sequence number that does not exist is an error (RFC 9051 `seq-number`).
   */
  resolve(set: MessageSet, byUid: boolean): number[] {
    if (set === "$") return this.#saved.filter((uid) => !this.#expunged.has(uid));
    if (byUid) {
      const last = this.#uids.at(-1);
      return last === undefined ? [] : membersIn(this.#uids, normaliseSet(set, last));
    }
    const ranges = normaliseSet(set, this.#uids.length);
    const uids: number[] = [];
    for (const [from, to] of ranges) {
      if (from < 1 || to > this.#uids.length) throw new SyntaxFailure("no message has that sequence number");
      for (let number = from; number <= to; number++) uids.push(this.#uids[number - 1] as number);
    }
    return uids;
  }

  /** What `$` stands for from now on: UIDs, ascending (RFC 5182). */
  save(uids: readonly number[]): void {
    this.#saved = uids;
  }

  /** `(\Seen $Work \Recent)`, as the client is told. */
  formatFlags(summary: MessageSummary, withRecent: boolean): string {
    let flags = FORMATTED.get(summary.flags);
    if (flags === undefined) FORMATTED.set(summary.flags, (flags = summary.flags.join(" ")));
    if (!withRecent || !this.#recent.has(summary.uid)) return `(${flags})`;
    return flags === "" ? "(\\Recent)" : `(${flags} \\Recent)`;
  }

  /** FLAGS and PERMANENTFLAGS, if keywords came up that the client was not told of; else empty. */
  flagsIfNew(): string {
    const keywords = this.mailbox.keywords().join(" ");
    if (keywords === this.#keywords) return "";
    return this.formatKnownFlags();
  }

  formatKnownFlags(): string {
    this.#keywords = this.mailbox.keywords().join(" ");
    const all = SYSTEM_FLAGS.concat(this.mailbox.keywords()).join(" ");
    return `* FLAGS (${all})\r\n* OK [PERMANENTFLAGS (${this.readOnly ? "" : `${all} \\*`})] Flags that can be changed\r\n`;
  }

  /** What an acting session learnt from the store itself; telling it twice does no harm. */
  noteExpunged(uids: readonly number[]): void {
    for (const uid of uids) this.#expunged.add(uid);
    if (uids.length > 0) this.#ownExpunged = true;
  }

  noteFlags(uids: readonly number[]): void {
    for (const uid of uids) this.#flagged.add(uid);
    if (uids.length > 0) this.#ownFlags = true;
  }

  /** Flags of these messages were told by the command itself. */
  flagsTold(uids: readonly number[]): void {
    for (const uid of uids) this.#flagged.delete(uid);
  }

  /** From now on it is remembered which messages came or changed (search/followed-searches.ts). */
  keepTouched(): void {
    if (this.#touched !== undefined) return;
    this.#touched = new Set([...this.#added, ...this.#flagged]);
    this.#lastTouched = this.#uids.at(-1) ?? 0;
  }

  dropTouched(): void {
    this.#touched = undefined;
  }

  /**
   * UIDs, ascending, of messages that the client knows and that came or changed since the last call. If another one is the
   * last now, both are among them: whether they are in `n:*` may have changed.
   */
  takeTouched(): number[] {
    if (this.#touched === undefined) return [];
    const touched = this.#touched;
    const last = this.#uids.at(-1) ?? 0;
    if (last !== this.#lastTouched) touched.add(last).add(this.#lastTouched);
    this.#lastTouched = last;
    this.#touched = new Set(this.#added);
    return [...touched].filter((uid) => this.sequenceOf(uid) > 0 && !this.isExpunged(uid)).sort((a, b) => a - b);
  }

  /** Messages that are gone, and of which the client was not told yet. */
  get expungedUids(): Iterable<number> {
    return this.#expunged;
  }

  get hasPending(): boolean {
    return this.#added.length > 0 || this.#expunged.size > 0 || this.#flagged.size > 0;
  }

  /** Every change up to this mod-sequence is known to the client. */
  get knownModSeq(): number {
    return this.hasPending ? this.modSeqAtSelect : this.mailbox.status().highestModSeq;
  }

  /** Whether `flush` would tell anything. */
  hasNews({ expunge, wanted }: Pick<FlushOptions, "expunge" | "wanted">): boolean {
    return (expunge && this.#tellsExpunged(wanted)) || this.#tellsAdded(wanted) || this.#tellsFlags(wanted);
  }

  /** Messages, not the session's own, that the last `flush` told of with EXISTS; ascending. */
  takeFresh(): readonly number[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  /** Untagged responses for what changed, in pieces. The view is up to date afterwards, but for what is not wanted. */
  *flush(options: FlushOptions): Generator<string, void> {
    const { wanted } = options;
    if (options.expunge && this.#tellsExpunged(wanted)) yield* this.#flushExpunged(options.vanished);
    if (this.#tellsAdded(wanted)) this.#takeAdded();
    if (this.#recentToTell) {
      this.#recentToTell = false;
      yield `* ${this.#uids.length} EXISTS\r\n`;
      if (options.recent) yield `* ${this.recentCount} RECENT\r\n`;
    }
    if (this.#tellsFlags(wanted)) {
      this.#ownFlags = false;
      const flagged = [...this.#flagged].sort((a, b) => a - b);
      this.#flagged.clear();
      const news = this.flagsIfNew();
      if (news !== "") yield news;
      for (let i = 0; i < flagged.length; i += BATCH) {
        let text = "";
        for (const summary of this.mailbox.summaries(flagged.slice(i, i + BATCH))) {
          if (this.sequenceOf(summary.uid) === 0) continue;
          const uid = options.uid ? `UID ${summary.uid} ` : "";
          const modSeq = options.modSeq ? ` MODSEQ (${summary.modSeq})` : "";
          const start = this.fetchStart(summary.uid, options.uidOnly);
          text += `${start}${uid}FLAGS ${this.formatFlags(summary, options.recent)}${modSeq})\r\n`;
        }
        yield text;
      }
    }
  }

  #tellsExpunged(wanted: Wanted): boolean {
    return this.#expunged.size > 0 && (wanted.messages || this.#ownExpunged);
  }

  #tellsAdded(wanted: Wanted): boolean {
    return this.#added.length > 0 && (wanted.messages || this.#ownAdded.size > 0);
  }

  #tellsFlags(wanted: Wanted): boolean {
    return this.#flagged.size > 0 && (wanted.flags || this.#ownFlags);
  }

  *#flushExpunged(byUid: boolean): Generator<string, void> {
    const numbers: number[] = [];
    const left: number[] = [];
    for (let i = 0; i < this.#uids.length; i++) {
      const uid = this.#uids[i] as number;
      if (this.#expunged.has(uid)) numbers.push(i + 1);
      else left.push(uid);
    }
    for (const uid of this.#expunged) {
      this.#recent.delete(uid);
      this.#flagged.delete(uid);
    }
    // A message that came and went before it was told of was never there for this client.
    const neverTold = this.#added.filter((uid) => this.#expunged.has(uid));
    if (neverTold.length > 0) {
      const kept = this.#added.filter((uid) => !this.#expunged.has(uid));
      this.#added.splice(0, this.#added.length, ...kept);
    }
    const vanished = numbers.map((number) => this.#uids[number - 1] as number);
    this.#saved = this.#saved.filter((uid) => !this.#expunged.has(uid));
    this.#uids = left;
    this.#expunged.clear();
    this.#ownExpunged = false;
    if (byUid) {
      if (vanished.length > 0) yield `* VANISHED ${formatSet(vanished)}\r\n`;
      return;
    }
    let text = "";
    // From the last to the first: then no number changes before it is told, and each is the one the client knows.
    for (let i = numbers.length - 1; i >= 0; i--) {
      text += `* ${numbers[i]} EXPUNGE\r\n`;
      if (text.length > 32_768) {
        yield text;
        text = "";
      }
    }
    if (text !== "") yield text;
  }

  #takeAdded(): void {
    const last = this.#uids.at(-1) ?? 0;
    const added = [...new Set(this.#added)].filter((uid) => uid > last).sort((a, b) => a - b);
    this.#added.length = 0;
    this.#fresh = this.#ownAdded.size === 0 ? added : added.filter((uid) => !this.#ownAdded.has(uid));
    this.#ownAdded.clear();
    if (added.length === 0) return;
    for (const uid of added) this.#uids.push(uid);
    if (!this.readOnly) for (const uid of this.mailbox.claimRecent()) this.#recent.add(uid);
    this.#recentToTell = true;
  }

  #note(change: MailboxChange): void {
    switch (change.kind) {
      case "added":
        for (const uid of change.uids) {
          this.#added.push(uid);
          this.#touched?.add(uid);
          if (change.origin === this) this.#ownAdded.add(uid);
        }
        break;
      case "expunged":
        for (const uid of change.uids) this.#expunged.add(uid);
        break;
      case "flags":
        if (this.#touched !== undefined) for (const uid of change.uids) this.#touched.add(uid);
        if (change.origin === this) return;
        for (const uid of change.uids) this.#flagged.add(uid);
        break;
      case "removed":
        this.removed = true;
        break;
    }
    this.onPending?.();
  }
}
