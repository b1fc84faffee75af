import type { AddressLabel } from "../../foundation/address.ts";
import { DecodeError } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { DropReason } from "../events.ts";
import { LetterStore, type LetterStoreOptions } from "../letters/letter-store.ts";
import { PartialLetter } from "../letters/partial-letter.ts";
import { StreamedLetter } from "../letters/streamed-letter.ts";
import {
  BATCH_LETTERS,
  GATHERED_CELLS,
  PARTIAL_LETTERS,
  PARTIAL_LIFETIME,
  QUEUE_CREDIT,
  RECENT_TAGS,
  STORE_TRIES,
} from "../limits.ts";
import type { RelayClient, Subscription } from "../relay-client/relay-client.ts";
import type { RenewalCell, UnopenedLetter } from "../sessions/renewals.ts";
import type { StepResult } from "../worker.ts";
import { decodeInnerCell, type InnerCell } from "./cell.ts";
import { openCell } from "./cell-seal.ts";
import type { QueueEndings } from "./queue-endings.ts";
import type { OwnQueue, Queues } from "./queues.ts";

/** What a contact is told of, so that it begins a new session and sends again. */
const UNOPENED: ReadonlySet<DropReason> = new Set(["undecryptable", "reused", "stranger", "elsewhere"]);

export type HelloCell = Extract<InnerCell, { kind: "hello" }>;

export interface ReaderOptions extends LetterStoreOptions {
  readonly queues: Queues;
  readonly endings: QueueEndings;
  readonly client: RelayClient;
  /** Takes up a hello in an invite's queue; all that follows from it is durable when this resolves. */
  readonly hello: (queue: OwnQueue, cell: HelloCell) => Promise<"taken" | DropReason>;
  /** Takes a contact's renewal; all that follows from it is durable when this resolves. */
  readonly renewal: (from: AddressLabel, cell: RenewalCell) => Promise<"taken" | DropReason>;
  /** Notes durably that a contact's letter did not open. */
  readonly didNotOpen: (from: AddressLabel, letter: UnopenedLetter) => void;
  /** False where this installation was revoked or replaced. */
  readonly active: () => boolean;
  /** Another connection reads the queue now, so that somebody else has its key. */
  readonly takenOver: () => void;
  readonly logger: Logger;
  readonly dropped: (from: AddressLabel | undefined, reason: DropReason, count: number) => void;
  readonly wake: () => void;
  /** A letter came through this queue and is stored. */
  readonly used: (queue: number) => void;
  /** The relay knows the queue now. */
  readonly made: (queue: OwnQueue) => void;
}

/**
 * Reads one of the own queues. Cells are acknowledged only once what they carry is durable, or is known to be worth
 * nothing; whenever storing fails, the subscription is begun anew and the relay sends again what was not acknowledged.
 */
export class QueueReader {
  readonly #o: ReaderOptions;
  readonly #letters: LetterStore;
  #queue: OwnQueue;
  #subscription: Subscription | undefined;
  #ended = false;
  #inbox: { readonly seq: number; readonly bytes: Buffer }[] = [];
  readonly #partials = new Map<string, PartialLetter>();
  readonly #recent = new Map<string, "duplicate" | "incomplete" | "kept">();
  /** Cells that are done with, and of which the relay was not told yet. */
  #done: number[] = [];
  readonly #acknowledging = new Set<Promise<void>>();
  readonly #dropped = new Map<DropReason, number>();
  /** Letters, by their first cell's number, that could not be stored, and how often that was tried. */
  readonly #troubled = new Map<number, number>();
  /** So many letters are stored one by one, to find the one that cannot be. */
  #single = 0;

  constructor(options: ReaderOptions, queue: OwnQueue) {
    this.#o = options;
    this.#letters = new LetterStore(options);
    this.#queue = queue;
  }

  /** Nothing that arrived is unfinished. */
  get quiet(): boolean {
    return this.#inbox.length === 0 && this.#done.length === 0 && this.#acknowledging.size === 0;
  }

  async step(): Promise<StepResult> {
    const { contacts, queues } = this.#o;
    const queue = queues.own(this.#queue.id);
    if (queue === undefined) return this.#idle();
    this.#queue = queue;
    if (queue.state === "deleting") {
      await this.#idle();
      return await this.#end(queue);
    }
    const state = queue.label === undefined ? undefined : contacts.byLabel(queue.label)?.state;
    if (state === "frozen" || !this.#o.active()) return this.#idle();
    if (this.#ended) {
      this.#ended = false;
      await this.#reset();
      return "later";
    }
    if (this.#subscription === undefined) return this.#later(() => this.#subscribe(queue));
    if (this.#inbox.length === 0) return "idle";
    try {
      await this.#work();
      return this.#inbox.length > 0 ? "again" : "idle";
    } catch (error) {
      if (error instanceof Failure) this.#o.logger("info", "receiving-paused", { code: error.code });
      else this.#o.logger("error", "letter-not-stored", { cause: String(error) });
      await this.#reset();
      return "later";
    } finally {
      this.#tellDropped();
    }
  }

  /** Resolves when the relay has heard of all that is done with. */
  async acknowledged(): Promise<void> {
    await Promise.allSettled(this.#acknowledging);
  }

  async close(): Promise<void> {
    await this.#reset();
    await this.acknowledged();
  }

  /** Gives up letters whose rest did not come for days. */
  sweep(): void {
    const before = this.#o.clock.now() - PARTIAL_LIFETIME;
    for (const partial of this.#partials.values()) if (partial.lastAt < before) this.#giveUp(partial);
    this.#acknowledge();
    this.#tellDropped();
  }

  async #idle(): Promise<StepResult> {
    await this.#reset();
    return "idle";
  }

  async #later(work: () => Promise<void>): Promise<StepResult> {
    try {
      await work();
      return "idle";
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#o.logger("info", "queue-not-reached", { code: error.code });
      return "later";
    }
  }

  async #end(queue: OwnQueue): Promise<StepResult> {
    const { client, endings, clock, logger } = this.#o;
    try {
      await client.deleteQueue(queue.relay, queue);
      endings.ended(queue.id);
      return "idle";
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const tried = endings.notHeard(queue.id, clock.now());
      logger("info", tried ? "queue-not-reached" : "queue-given-up", { code: error.code });
      return tried ? "later" : "idle";
    }
  }

  async #subscribe(queue: OwnQueue): Promise<void> {
    const { client, queues, wake } = this.#o;
    if (queue.state === "new") {
      await client.createQueue(queue.relay, queue);
      queues.setState(queue.id, "ready");
      this.#o.made(queue);
    }
    this.#subscription = client.subscribe(queue.relay, queue, {
      credit: QUEUE_CREDIT,
      onCell: (seq, bytes) => {
        this.#inbox.push({ seq, bytes });
        wake();
      },
      onEnd: (end) => {
        this.#o.logger("warn", "queue-ended", { end });
        if (end === "taken-over") this.#o.takenOver();
        if (end === "gone") queues.setState(queue.id, "new");
        this.#ended = true;
        wake();
      },
    });
  }

  /** Begins anew: the relay sends again what was not acknowledged. */
  async #reset(): Promise<void> {
    this.#acknowledge();
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#inbox = [];
    const streams = [...this.#partials.values()].flatMap(({ stream }) => (stream === undefined ? [] : [stream]));
    this.#partials.clear();
    await Promise.all(streams.map((stream) => stream.abandon()));
  }

  /** Takes what is in the inbox, up to one batch of letters. */
  async #work(): Promise<void> {
    const ready: PartialLetter[] = [];
    const limit = this.#single > 0 ? 1 : BATCH_LETTERS;
    let taken = 0;
    while (ready.length < limit) {
      const next = this.#inbox[taken];
      if (next === undefined) break;
      const inner = this.#open(next.bytes);
      // These are stored by themselves; what came before them is stored first.
      if (ready.length > 0 && inner !== undefined && this.#standsAlone(inner)) break;
      taken++;
      if (inner === undefined) this.#drop("damaged", [next.seq]);
      else if (inner.kind === "hello") await this.#hello(inner, next.seq);
      else if (this.#queue.label === undefined) this.#drop("stranger", [next.seq]);
      else if (inner.kind === "renewal") await this.#renewal(this.#queue.label, inner, next.seq);
      else {
        const whole = await this.#gather(inner, next.seq);
        if (whole !== undefined) ready.push(whole);
      }
    }
    await this.#store(ready);
    if (this.#single > 0) this.#single -= ready.length;
    this.#acknowledge();
    this.#inbox.splice(0, taken);
    this.#subscription?.credit(taken);
  }

  #standsAlone(cell: InnerCell): boolean {
    if (cell.kind === "hello" || cell.kind === "renewal") return true;
    if (cell.kind === "letter") return cell.cells > GATHERED_CELLS;
    return this.#partials.get(cell.tag.toString("hex"))?.stream !== undefined;
  }

  async #renewal(from: AddressLabel, cell: RenewalCell, seq: number): Promise<void> {
    const outcome = await this.#o.renewal(from, cell);
    if (outcome === "taken") this.#done.push(seq);
    else this.#drop(outcome, [seq]);
  }

  #open(cell: Buffer): InnerCell | undefined {
    const inner = openCell(this.#queue.queueKey, "postern cell 1", cell);
    if (inner === undefined) return undefined;
    try {
      return decodeInnerCell(inner);
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  }

  async #hello(cell: HelloCell, seq: number): Promise<void> {
    const outcome = await this.#o.hello(this.#queue, cell);
    this.#queue = this.#o.queues.own(this.#queue.id) ?? this.#queue;
    if (outcome === "taken") this.#done.push(seq);
    else this.#drop(outcome, [seq]);
  }

  /** Adds a cell to its letter; returns a letter that is complete in memory. Large ones are handed on chunk by chunk. */
  async #gather(
    cell: Exclude<InnerCell, { kind: "hello" | "renewal" }>,
    seq: number,
  ): Promise<PartialLetter | undefined> {
    const key = cell.tag.toString("hex");
    const over = this.#recent.get(key);
    if (over === "kept") return undefined;
    if (over !== undefined) return this.#drop(over, [seq]);
    let partial = this.#partials.get(key);
    if (partial === undefined) {
      // Whether a letter of one cell came before shows when its ratchet message is opened.
      const whole = cell.kind === "letter" && cell.cells === 1;
      if (!whole && this.#letters.isRepeated(this.#queue.label as AddressLabel, cell.tag)) {
        this.#remember(key, "duplicate");
        return this.#drop("duplicate", [seq]);
      }
      // A body without its beginning: its sender sends it again, behind the beginning that the relay refused.
      if (cell.kind === "body") return this.#drop("incomplete", [seq]);
      if ((this.#troubled.get(seq) ?? 0) >= STORE_TRIES) return this.#remember(key, "kept");
      partial = new PartialLetter(key, seq);
      this.#partials.set(key, partial);
      this.#makeRoom();
    }
    partial.lastAt = this.#o.clock.now();
    const fit = partial.take(cell, seq);
    if (fit !== "taken") return this.#drop(fit, [seq]);
    if (partial.cells === undefined) return undefined;
    if (partial.cells <= GATHERED_CELLS) {
      if (partial.chunks.length < partial.cells) return undefined;
      this.#partials.delete(key);
      return partial;
    }
    const chunk = partial.chunks.pop();
    if (chunk === undefined) return undefined;
    await this.#stream(partial, partial.next - 1, chunk);
    return undefined;
  }

  async #stream(partial: PartialLetter, index: number, chunk: Buffer): Promise<void> {
    const label = this.#queue.label as AddressLabel;
    if (index === 0) {
      // Opened only to look: the step is taken again, and written, when the letter is complete.
      const header = await this.#letters.look(label, partial);
      if (typeof header === "string") return this.#finished(partial, header);
      if (header.repeated) return this.#finished(partial, await this.#letters.storeRepeated(label, partial));
      if (header.kind !== "mail") return this.#finished(partial, "damaged");
      partial.stream = new StreamedLetter(this.#o.receiver, label, header, this.#o.clock.now());
    }
    const { stream } = partial;
    if (stream === undefined) return;
    await stream.push(index, chunk);
    if (stream.altered) return this.#finished(partial, "altered");
    if (!stream.refused && partial.next !== partial.cells) return;
    await this.#storeStreamed(label, partial, stream);
  }

  async #storeStreamed(label: AddressLabel, partial: PartialLetter, stream: StreamedLetter): Promise<void> {
    try {
      this.#finished(partial, await this.#letters.storeStreamed(label, partial, stream));
    } catch (error) {
      this.#trouble(partial, error);
      throw error;
    }
  }

  /** Stores letters that are complete in memory, and acknowledges them. */
  async #store(ready: readonly PartialLetter[]): Promise<void> {
    const label = this.#queue.label;
    if (label === undefined || ready.length === 0) return;
    try {
      for (const [letter, reason] of await this.#letters.store(label, ready)) this.#finished(letter, reason);
    } catch (error) {
      this.#single = BATCH_LETTERS;
      const [alone] = ready;
      if (ready.length === 1 && alone !== undefined) this.#trouble(alone, error);
      throw error;
    }
  }

  /** The letter is done with, one way or the other: its cells can go. */
  #finished(partial: PartialLetter, reason: DropReason | undefined): void {
    this.#partials.delete(partial.key);
    this.#remember(partial.key, reason === "elsewhere" ? "kept" : "duplicate");
    this.#troubled.delete(partial.first);
    if (reason !== undefined && UNOPENED.has(reason) && this.#queue.label !== undefined)
      this.#o.didNotOpen(this.#queue.label, {
        tag: Buffer.from(partial.key, "hex"),
        senderDevice: partial.senderDevice,
      });
    if (reason === undefined) this.#o.used(this.#queue.id);
    if (reason === "elsewhere") this.#o.dropped(this.#queue.label, reason, partial.seqs.length);
    else if (reason === undefined) this.#done.push(...partial.seqs);
    else this.#drop(reason, partial.seqs);
    void partial.stream?.abandon();
  }

  #giveUp(partial: PartialLetter): void {
    this.#partials.delete(partial.key);
    this.#remember(partial.key, "incomplete");
    this.#drop("incomplete", partial.seqs);
    void partial.stream?.abandon();
  }

  #makeRoom(): void {
    for (const partial of this.#partials.values()) {
      if (this.#partials.size <= PARTIAL_LETTERS) return;
      this.#giveUp(partial);
    }
  }

  /** What becomes of further cells with this tag; `kept`: they stay at the relay until the next start. */
  #remember(key: string, over: "duplicate" | "incomplete" | "kept"): undefined {
    this.#recent.set(key, over);
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= RECENT_TAGS) break;
      this.#recent.delete(oldest);
    }
  }

  /** A letter that the bridge cannot store for a reason that is not the disk's must not hold up the others for ever. */
  #trouble(partial: PartialLetter, error: unknown): void {
    if (error instanceof Failure) return;
    this.#troubled.set(partial.first, (this.#troubled.get(partial.first) ?? 0) + 1);
  }

  #drop(reason: DropReason, seqs: readonly number[]): undefined {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + seqs.length);
    this.#done.push(...seqs);
  }

  #tellDropped(): void {
    for (const [reason, count] of this.#dropped) this.#o.dropped(this.#queue.label, reason, count);
    this.#dropped.clear();
  }

  /** Tells the relay of all cells that are done with. */
  #acknowledge(): void {
    const done = this.#done;
    if (done.length === 0) return;
    this.#done = [];
    const acknowledged = this.#subscription?.acknowledge(done).catch(() => undefined);
    if (acknowledged === undefined) return;
    const tracked = acknowledged.then(() => {
      this.#acknowledging.delete(tracked);
      if (this.quiet) this.#o.wake();
    });
    this.#acknowledging.add(tracked);
  }
}
