import type { Database } from "../../foundation/database.ts";
import type { Appended, Arrival, QueueRecord, QueueStore, StoredCell } from "../queue-store.ts";
import type { StoreLimits } from "../store.ts";
import type { TokenHash } from "../token-store.ts";
import type { SeqRange } from "../wire/acknowledge.ts";
import { CELL_SIZE } from "../wire/cell.ts";
import { type HotQueue, HotQueues } from "./hot-queues.ts";
import type { SqliteTokenStore } from "./tokens.ts";
import type { Count, Usage } from "./usage.ts";

interface QueueRow {
  readonly id: number;
  readonly recipient_id: Buffer;
  readonly sender_id: Buffer;
  readonly recipient_key: Buffer;
  readonly sender_key: Buffer;
  readonly next_seq: number;
  readonly cells: number;
  readonly used_at: number;
  readonly token: number;
}

/** A cell that came, until it is stored. */
interface Coming {
  readonly senderId: Uint8Array;
  readonly cell: Buffer;
  readonly now: number;
}

/** Cells that one commit takes together, and what became of each. */
interface Batch {
  readonly coming: Coming[];
  readonly outcomes: Promise<readonly Appended[]>;
}

/** What the stores in one file share. */
export interface SqliteParts {
  readonly db: Database;
  readonly usage: Usage;
  readonly tokens: SqliteTokenStore;
  readonly limits: StoreLimits;
}

const DAY = 24 * 60 * 60_000;

/** Queues in the relay's SQLite file; commits of all connections share their fsyncs. */
export class SqliteQueueStore implements QueueStore {
  readonly #db: Database;
  readonly #usage: Usage;
  readonly #tokens: SqliteTokenStore;
  readonly #limits: StoreLimits;
  readonly #sql: ReturnType<typeof prepare>;
  readonly #hot: HotQueues;
  /** What the next commit takes. */
  #batch: Batch | undefined;
  #onArrival: (arrival: Arrival) => void = () => undefined;

  /** The database holds schema.ts's tables. */
  constructor({ db, usage, tokens, limits }: SqliteParts) {
    this.#db = db;
    this.#usage = usage;
    this.#tokens = tokens;
    this.#limits = limits;
    this.#sql = prepare(db);
    this.#hot = new HotQueues(db);
  }

  create(queue: QueueRecord, token: TokenHash, now: number): Promise<"created" | "in-use" | "full" | "forbidden"> {
    return this.#usage.commit((count) => {
      const grant = this.#tokens.row(token);
      if (grant === undefined) return "forbidden";
      const rows = this.#sql.byEitherId.all(queue.recipientId, queue.senderId);
      const [row] = rows;
      if (row !== undefined) return rows.length === 1 && isSame(row, queue) ? "created" : "in-use";
      const own = this.#usage.of(grant.id);
      if (this.#usage.total.queues >= this.#limits.queues) return "full";
      if (grant.queues !== null && own.queues + own.slots >= grant.queues) return "full";
      this.#sql.create.run(queue.recipientId, queue.senderId, queue.recipientKey, queue.senderKey, now, grant.id);
      count(grant.id, { queues: 1 });
      return "created";
    });
  }

  async recipientKey(recipientId: Uint8Array): Promise<Buffer | undefined> {
    return this.#sql.byRecipient.get(recipientId)?.recipient_key;
  }

  async senderKey(senderId: Uint8Array): Promise<Buffer | undefined> {
    this.#hot.trim();
    return this.#hot.withSender(senderId)?.senderKey;
  }

  async append(senderId: Uint8Array, cell: Buffer, now: number): Promise<Appended> {
    this.#batch ??= this.#startBatch();
    const { coming, outcomes } = this.#batch;
    const index = coming.push({ senderId, cell, now }) - 1;
    return (await outcomes)[index] as Appended;
  }

  watch(onArrival: (arrival: Arrival) => void): void {
    this.#onArrival = onArrival;
  }

  async subscribed(recipientId: Uint8Array, now: number): Promise<number | undefined> {
    const queue = this.#sql.byRecipient.get(recipientId);
    if (queue === undefined) return undefined;
    // To the day is enough to tell an abandoned queue, and spares a write per subscription when thousands reconnect.
    if (queue.used_at < now - DAY) await this.#db.commit(() => this.#sql.use.run(now, queue.id));
    return queue.next_seq;
  }

  async read(recipientId: Uint8Array, after: number, count: number): Promise<readonly StoredCell[]> {
    return this.#sql.read.all(recipientId, after, count);
  }

  acknowledge(recipientId: Uint8Array, ranges: readonly SeqRange[]): Promise<number> {
    return this.#commit((count) => {
      const queue = this.#hot.withRecipient(recipientId);
      if (queue === undefined) return 0;
      let removed = 0;
      for (const { first, last } of ranges) removed += this.#sql.removeCells.run(queue.id, first, last).changes;
      if (removed === 0) return 0;
      queue.cells -= removed;
      this.#hot.save(queue);
      count(queue.token, fewerCells(removed));
      return removed;
    });
  }

  remove(recipientId: Uint8Array): Promise<boolean> {
    return this.#commit((count) => {
      const queue = this.#sql.byRecipient.get(recipientId);
      if (queue === undefined) return false;
      this.#remove(queue, count);
      return true;
    });
  }

  async expire(cellsBefore: number, queuesBefore: number): Promise<{ cells: number; queues: number }> {
    const batch = this.#limits.sweepBatch;
    const expired = { cells: 0, queues: 0 };
    for (let removed = batch; removed === batch; expired.cells += removed)
      removed = await this.#commit((count) => this.#expireCells(cellsBefore, batch, count));
    for (let removed = true; removed; expired.queues += removed ? 1 : 0)
      removed = await this.#commit((count) => this.#expireQueue(queuesBefore, count));
    return expired;
  }

  counts(): { readonly queues: number; readonly cells: number } {
    const { queues, cells } = this.#usage.total;
    return { queues, cells };
  }

  /** As Usage.commit; whatever fails, no queue is remembered as it would have become. */
  async #commit<T>(work: (count: Count) => T): Promise<T> {
    try {
      return await this.#usage.commit((count) => {
        this.#hot.trim();
        try {
          return work(count);
        } catch (error) {
          // At once: what shares the transaction goes on.
          this.#hot.forget();
          throw error;
        }
      });
    } catch (error) {
      this.#hot.forget();
      throw error;
    }
  }

  #startBatch(): Batch {
    const coming: Coming[] = [];
    const close = (): void => {
      if (this.#batch?.coming === coming) this.#batch = undefined;
    };
    const stored = this.#commit((count) => {
      close();
      return this.#store(coming, count);
    });
    const outcomes = stored.then(
      (results) => results.map((result) => this.#announce(result)),
      (error: unknown) => {
        close();
        throw error;
      },
    );
    return { coming, outcomes };
  }

  #store(coming: readonly Coming[], count: Count): (Required<Arrival> | "no-queue" | "full")[] {
    const changed = new Set<HotQueue>();
    const results = coming.map(({ senderId, cell, now }) => {
      const queue = this.#hot.withSender(senderId);
      if (queue === undefined) return "no-queue";
      if (this.#isFull(queue)) return "full";
      const seq = queue.nextSeq++;
      queue.cells++;
      changed.add(queue);
      this.#sql.append.run(queue.id, seq, now, cell);
      count(queue.token, ONE_CELL);
      return { recipientId: queue.recipientId, seq, cell };
    });
    for (const queue of changed) this.#hot.save(queue);
    return results;
  }

  #announce(result: Required<Arrival> | "no-queue" | "full"): Appended {
    if (typeof result === "string") return { kind: result };
    this.#onArrival(result);
    return { kind: "stored", seq: result.seq };
  }

  #isFull(queue: HotQueue): boolean {
    const { queueOctets, octets } = this.#limits;
    return (
      (queue.cells + 1) * CELL_SIZE > queueOctets ||
      this.#usage.total.octets + CELL_SIZE > octets ||
      (queue.tokenOctets !== null && this.#usage.of(queue.token).octets + CELL_SIZE > queue.tokenOctets)
    );
  }

  /** How many of the oldest cells it deleted. */
  #expireCells(before: number, batch: number, count: Count): number {
    this.#hot.forget();
    const oldest = this.#sql.oldest.all(batch).filter((cell) => cell.received_at < before);
    for (const { id, queue } of oldest) {
      this.#sql.removeCell.run(id);
      const token = this.#sql.fewer.get(1, queue);
      if (token !== undefined) count(token, fewerCells(1));
    }
    return oldest.length;
  }

  #expireQueue(before: number, count: Count): boolean {
    const queue = this.#sql.unused.get(before) ?? this.#sql.emptied.get();
    if (queue !== undefined) this.#remove(queue, count);
    return queue !== undefined;
  }

  #remove({ id, token }: Pick<QueueRow, "id" | "token">, count: Count): void {
    this.#hot.forget();
    const cells = this.#sql.removeCells.run(id, 0, Number.MAX_SAFE_INTEGER).changes;
    this.#sql.remove.run(id);
    count(token, { ...fewerCells(cells), queues: -1 });
  }
}

const ONE_CELL = { cells: 1, octets: CELL_SIZE };

function fewerCells(removed: number): { readonly cells: number; readonly octets: number } {
  return { cells: -removed, octets: -removed * CELL_SIZE };
}

function isSame(row: QueueRow, queue: QueueRecord): boolean {
  return (
    row.recipient_id.equals(queue.recipientId) &&
    row.sender_id.equals(queue.senderId) &&
    row.recipient_key.equals(queue.recipientKey) &&
    row.sender_key.equals(queue.senderKey)
  );
}

function prepare({ sqlite }: Database) {
  return {
    byEitherId: sqlite.prepare<[Uint8Array, Uint8Array], QueueRow>(
      "SELECT * FROM queue WHERE recipient_id = ? OR sender_id = ?",
    ),
    byRecipient: sqlite.prepare<[Uint8Array], QueueRow>("SELECT * FROM queue WHERE recipient_id = ?"),
    create: sqlite.prepare<[Uint8Array, Uint8Array, Uint8Array, Uint8Array, number, number]>(
      `INSERT INTO queue (recipient_id, sender_id, recipient_key, sender_key, used_at, token)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    remove: sqlite.prepare<[number]>("DELETE FROM queue WHERE id = ?"),
    use: sqlite.prepare<[number, number]>("UPDATE queue SET used_at = ? WHERE id = ?"),
    unused: sqlite.prepare<[number], QueueRow>("SELECT * FROM queue WHERE used_at < ? LIMIT 1"),
    emptied: sqlite.prepare<[], QueueRow>(
      "SELECT * FROM queue WHERE token IN (SELECT id FROM token WHERE emptied = 1) LIMIT 1",
    ),
    fewer: sqlite
      .prepare<[number, number], number>("UPDATE queue SET cells = cells - ? WHERE id = ? RETURNING token")
      .pluck(),
    append: sqlite.prepare<[number, number, number, Uint8Array]>(
      "INSERT INTO cell (queue, seq, received_at, cell) VALUES (?, ?, ?, ?)",
    ),
    read: sqlite.prepare<[Uint8Array, number, number], StoredCell>(
      `SELECT seq, cell FROM cell WHERE queue = (SELECT id FROM queue WHERE recipient_id = ?) AND seq > ?
       ORDER BY seq LIMIT ?`,
    ),
    removeCells: sqlite.prepare<[number, number, number]>("DELETE FROM cell WHERE queue = ? AND seq BETWEEN ? AND ?"),
    removeCell: sqlite.prepare<[number]>("DELETE FROM cell WHERE id = ?"),
    oldest: sqlite.prepare<[number], { id: number; queue: number; received_at: number }>(
      "SELECT id, queue, received_at FROM cell ORDER BY id LIMIT ?",
    ),
  };
}
