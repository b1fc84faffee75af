import type { Database } from "../../foundation/database.ts";
import type { RelayLimits } from "../limits.ts";
import type { Appended, QueueRecord, QueueStore, StoredCell } from "../queue-store.ts";
import type { SeqRange } from "../wire/acknowledge.ts";

interface QueueRow {
  readonly id: number;
  readonly recipient_id: Buffer;
  readonly sender_id: Buffer;
  readonly recipient_key: Buffer;
  readonly sender_key: Buffer;
  readonly next_seq: number;
  readonly cells: number;
  readonly used_at: number;
}

const DAY = 24 * 60 * 60_000;

/** Queues in the relay's SQLite file; commits of all connections share their fsyncs. */
export class SqliteQueueStore implements QueueStore {
  readonly #db: Database;
  readonly #limits: Pick<RelayLimits, "cellsPerQueue" | "cells" | "queues" | "sweepBatch">;
  readonly #sql: ReturnType<typeof prepare>;
  #queues: number;
  #cells: number;

  /** The database holds schema.ts's tables. */
  constructor(db: Database, limits: Pick<RelayLimits, "cellsPerQueue" | "cells" | "queues" | "sweepBatch">) {
    this.#db = db;
    this.#limits = limits;
    this.#sql = prepare(db);
    this.#queues = db.sqlite.prepare<[], number>("SELECT count(*) FROM queue").pluck().get() ?? 0;
    this.#cells = db.sqlite.prepare<[], number>("SELECT total(cells) FROM queue").pluck().get() ?? 0;
  }

  create(queue: QueueRecord, now: number): Promise<"created" | "in-use" | "full"> {
    return this.#db.commit(() => {
      const rows = this.#sql.byEitherId.all(queue.recipientId, queue.senderId);
      const [row] = rows;
      if (row !== undefined) return rows.length === 1 && isSame(row, queue) ? "created" : "in-use";
      if (this.#queues >= this.#limits.queues) return "full";
      this.#sql.create.run(queue.recipientId, queue.senderId, queue.recipientKey, queue.senderKey, now);
      this.#count(1, 0);
      return "created";
    });
  }

  async recipientKey(recipientId: Uint8Array): Promise<Buffer | undefined> {
    return this.#sql.byRecipient.get(recipientId)?.recipient_key;
  }

  async senderKey(senderId: Uint8Array): Promise<Buffer | undefined> {
    return this.#sql.bySender.get(senderId)?.sender_key;
  }

  append(senderId: Uint8Array, cell: Uint8Array, now: number): Promise<Appended> {
    return this.#db.commit((): Appended => {
      const queue = this.#sql.bySender.get(senderId);
      if (queue === undefined) return { kind: "no-queue" };
      if (queue.cells >= this.#limits.cellsPerQueue || this.#cells >= this.#limits.cells) return { kind: "full" };
      this.#sql.advance.run(queue.id);
      this.#sql.append.run(queue.id, queue.next_seq, now, cell);
      this.#count(0, 1);
      return { kind: "stored", recipientId: queue.recipient_id, seq: queue.next_seq };
    });
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

  acknowledge(recipientId: Uint8Array, ranges: readonly SeqRange[]): Promise<void> {
    return this.#db.commit(() => {
      const queue = this.#sql.byRecipient.get(recipientId);
      if (queue === undefined) return;
      let removed = 0;
      for (const { first, last } of ranges) removed += this.#sql.removeCells.run(queue.id, first, last).changes;
      if (removed === 0) return;
      this.#sql.fewer.run(removed, queue.id);
      this.#count(0, -removed);
    });
  }

  remove(recipientId: Uint8Array): Promise<boolean> {
    return this.#db.commit(() => {
      const queue = this.#sql.byRecipient.get(recipientId);
      if (queue === undefined) return false;
      this.#remove(queue.id);
      return true;
    });
  }

  async expire(cellsBefore: number, queuesBefore: number): Promise<void> {
    const batch = this.#limits.sweepBatch;
    while ((await this.#db.commit(() => this.#expireCells(cellsBefore, batch))) === batch);
    while ((await this.#db.commit(() => this.#expireQueues(queuesBefore))) > 0);
  }

  counts(): { readonly queues: number; readonly cells: number } {
    return { queues: this.#queues, cells: this.#cells };
  }

  /** How many of the oldest cells it deleted. */
  #expireCells(before: number, batch: number): number {
    const oldest = this.#sql.oldest.all(batch).filter((cell) => cell.received_at < before);
    for (const { id, queue } of oldest) {
      this.#sql.removeCell.run(id);
      this.#sql.fewer.run(1, queue);
    }
    this.#count(0, -oldest.length);
    return oldest.length;
  }

  #expireQueues(before: number): number {
    const id = this.#sql.unused.get(before);
    if (id === undefined) return 0;
    this.#remove(id);
    return 1;
  }

  #remove(queue: number): void {
    const cells = this.#sql.removeCells.run(queue, 0, Number.MAX_SAFE_INTEGER).changes;
    this.#sql.remove.run(queue);
    this.#count(-1, -cells);
  }

  /** Counts once it is certain. Within one batch the bounds of the whole relay may thus be passed by as many commands. */
  #count(queues: number, cells: number): void {
    this.#db.afterCommit(() => {
      this.#queues += queues;
      this.#cells += cells;
    });
  }
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
    bySender: sqlite.prepare<[Uint8Array], QueueRow>("SELECT * FROM queue WHERE sender_id = ?"),
    create: sqlite.prepare<[Uint8Array, Uint8Array, Uint8Array, Uint8Array, number]>(
      "INSERT INTO queue (recipient_id, sender_id, recipient_key, sender_key, used_at) VALUES (?, ?, ?, ?, ?)",
    ),
    remove: sqlite.prepare<[number]>("DELETE FROM queue WHERE id = ?"),
    use: sqlite.prepare<[number, number]>("UPDATE queue SET used_at = ? WHERE id = ?"),
    unused: sqlite.prepare<[number], number>("SELECT id FROM queue WHERE used_at < ? LIMIT 1").pluck(),
    advance: sqlite.prepare<[number]>("UPDATE queue SET next_seq = next_seq + 1, cells = cells + 1 WHERE id = ?"),
    fewer: sqlite.prepare<[number, number]>("UPDATE queue SET cells = cells - ? WHERE id = ?"),
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
