import type { Database } from "../../foundation/database.ts";

/** A queue that letters pass through, as its row is in the running transaction. */
export interface HotQueue {
  readonly id: number;
  readonly recipientId: Buffer;
  readonly senderKey: Buffer;
  readonly token: number;
  /** What the token allows. */
  readonly tokenOctets: number | null;
  nextSeq: number;
  cells: number;
}

/** Queues that are remembered, some 700 bytes each. */
const REMEMBERED = 4_096;

/**
 * Rows of the queues that were used last. This process alone writes them, so what is remembered holds until a
 * transaction fails: then, and where rows are written by another way than `save`, all is to be forgotten.
 */
export class HotQueues {
  readonly #sql: ReturnType<typeof prepare>;
  readonly #bySender = new Map<string, HotQueue>();
  readonly #byRecipient = new Map<string, HotQueue>();

  /** The database holds schema.ts's tables. */
  constructor(db: Database) {
    this.#sql = prepare(db);
  }

  withSender(senderId: Uint8Array): HotQueue | undefined {
    return this.#bySender.get(keyOf(senderId)) ?? this.#remember(this.#sql.bySender.get(senderId));
  }

  withRecipient(recipientId: Uint8Array): HotQueue | undefined {
    return this.#byRecipient.get(keyOf(recipientId)) ?? this.#remember(this.#sql.byRecipient.get(recipientId));
  }

  /** Writes what changed. */
  save({ id, nextSeq, cells }: HotQueue): void {
    this.#sql.save.run(nextSeq, cells, id);
  }

  /** Never between a change and its `save`. */
  trim(): void {
    if (this.#bySender.size >= REMEMBERED) this.forget();
  }

  forget(): void {
    this.#bySender.clear();
    this.#byRecipient.clear();
  }

  #remember(row: HotRow | undefined): HotQueue | undefined {
    if (row === undefined) return undefined;
    const { senderId, ...queue } = row;
    this.#bySender.set(keyOf(senderId), queue);
    this.#byRecipient.set(keyOf(queue.recipientId), queue);
    return queue;
  }
}

interface HotRow extends HotQueue {
  readonly senderId: Buffer;
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString("latin1");
}

function prepare({ sqlite }: Database) {
  const select = `SELECT queue.id, recipient_id AS recipientId, sender_id AS senderId, sender_key AS senderKey, token,
       token.octets AS tokenOctets, next_seq AS nextSeq, cells
     FROM queue LEFT JOIN token ON token.id = queue.token`;
  return {
    bySender: sqlite.prepare<[Uint8Array], HotRow>(`${select} WHERE sender_id = ?`),
    byRecipient: sqlite.prepare<[Uint8Array], HotRow>(`${select} WHERE recipient_id = ?`),
    save: sqlite.prepare<[number, number, number]>("UPDATE queue SET next_seq = ?, cells = ? WHERE id = ?"),
  };
}
