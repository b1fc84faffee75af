import type { AddressLabel } from "../../foundation/address.ts";
import type { Database, Schema } from "../../foundation/database.ts";
import type { QueueAddress } from "../queues/queue-address.ts";
import type { BundleHeader, NumberRange } from "./bundle.ts";
import { RANGES_MAX } from "./limits.ts";

const SCHEMA: Schema = {
  part: "overlay-carry",
  migrations: [
    // Contacts that are written to by hand; per queue of theirs, the cells that its reader has not confirmed; per own
    // queue, which carried cells are done with: all up to a number, and some beyond.
    `CREATE TABLE overlay_carry_contact (label TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
     CREATE TABLE overlay_carry_stream (
       id INTEGER PRIMARY KEY, label TEXT NOT NULL, sender_id BLOB NOT NULL UNIQUE, queue_key BLOB NOT NULL, next INTEGER NOT NULL
     ) STRICT;
     CREATE TABLE overlay_carry_cell (
       stream INTEGER NOT NULL REFERENCES overlay_carry_stream, number INTEGER NOT NULL, cell BLOB NOT NULL,
       PRIMARY KEY (stream, number)
     ) STRICT;
     CREATE TABLE overlay_carry_taken (recipient_id BLOB PRIMARY KEY, up_to INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     CREATE TABLE overlay_carry_early (recipient_id BLOB NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (recipient_id, number)) STRICT, WITHOUT ROWID;`,
  ],
};

/** The cells for one queue of a contact. */
export interface CarryStream {
  readonly id: number;
  readonly label: AddressLabel;
  readonly queueKey: Buffer;
}

export interface WaitingCell {
  readonly number: number;
  readonly cell: Buffer;
}

/** What is carried by hand, on disk. All methods are synchronous and join the caller's transaction. */
export class CarryStore {
  readonly #sqlite: Database["sqlite"];
  /** No queue has cells here, as nearly always: then nothing is looked up for each cell that goes to a relay. */
  #unused = false;

  constructor(db: Database) {
    db.migrate(SCHEMA);
    this.#sqlite = db.sqlite;
  }

  contacts(): AddressLabel[] {
    return this.#sqlite
      .prepare("SELECT label FROM overlay_carry_contact ORDER BY label")
      .pluck()
      .all() as AddressLabel[];
  }

  addContact(label: AddressLabel): void {
    this.#sqlite.prepare("INSERT OR IGNORE INTO overlay_carry_contact VALUES (?)").run(label);
  }

  removeContact(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_carry_contact WHERE label = ?").run(label);
  }

  streams(): CarryStream[] {
    return this.#sqlite
      .prepare("SELECT id, label, queue_key AS queueKey FROM overlay_carry_stream ORDER BY id")
      .all() as CarryStream[];
  }

  streamOf(senderId: Uint8Array): CarryStream | undefined {
    if (this.#unused) return undefined;
    const found = this.#sqlite
      .prepare("SELECT id, label, queue_key AS queueKey FROM overlay_carry_stream WHERE sender_id = ?")
      .get(Buffer.from(senderId)) as CarryStream | undefined;
    // Inside a transaction it may yet be rolled back.
    if (found === undefined && !this.#sqlite.inTransaction) this.#unused = this.streams().length === 0;
    return found;
  }

  /** Adds a cell behind the others of its queue. */
  append(label: AddressLabel, address: QueueAddress, cell: Uint8Array): void {
    this.#unused = false;
    const senderId = Buffer.from(address.senderId);
    const row = this.#sqlite
      .prepare(
        `INSERT INTO overlay_carry_stream (label, sender_id, queue_key, next) VALUES (?, ?, ?, 2)
         ON CONFLICT (sender_id) DO UPDATE SET next = next + 1 RETURNING id, next - 1 AS number`,
      )
      .get(label, senderId, address.queueKey) as { id: number; number: number };
    this.#sqlite.prepare("INSERT INTO overlay_carry_cell VALUES (?, ?, ?)").run(row.id, row.number, Buffer.from(cell));
  }

  /** How many cells of a stream, or of all, are not confirmed. */
  waiting(stream?: number): number {
    const where = stream === undefined ? "" : "WHERE stream = ?";
    const parameters = stream === undefined ? [] : [stream];
    return this.#sqlite
      .prepare(`SELECT count(*) FROM overlay_carry_cell ${where}`)
      .pluck()
      .get(...parameters) as number;
  }

  /** The first cells from a number on that are not confirmed, ascending, and no more of them once a number is missing. */
  cells(stream: number, from: number, count: number): WaitingCell[] {
    const rows = this.#sqlite
      .prepare("SELECT number, cell FROM overlay_carry_cell WHERE stream = ? AND number >= ? ORDER BY number LIMIT ?")
      .all(stream, from, count) as WaitingCell[];
    const first = rows[0]?.number ?? 0;
    const gap = rows.findIndex(({ number }, index) => number !== first + index);
    return gap < 0 ? rows : rows.slice(0, gap);
  }

  /** The queue's reader has these: they go. Returns how many there were. */
  confirm(stream: number, { upTo, ranges }: Extract<BundleHeader, { kind: "receipt" }>): number {
    const remove = this.#sqlite.prepare("DELETE FROM overlay_carry_cell WHERE stream = ? AND number BETWEEN ? AND ?");
    return [{ first: 1, last: upTo }, ...ranges].reduce(
      (sum, { first, last }) => sum + remove.run(stream, first, last).changes,
      0,
    );
  }

  removeCell(stream: number, number: number): void {
    this.#sqlite.prepare("DELETE FROM overlay_carry_cell WHERE stream = ? AND number = ?").run(stream, number);
  }

  /** Of a contact that is none any more. Never while it is one: numbers must not begin again. */
  forget(label: AddressLabel): void {
    this.removeContact(label);
    for (const { id } of this.streams().filter((stream) => stream.label === label)) {
      this.#sqlite.prepare("DELETE FROM overlay_carry_cell WHERE stream = ?").run(id);
      this.#sqlite.prepare("DELETE FROM overlay_carry_stream WHERE id = ?").run(id);
    }
  }

  /** Forgets own queues that are no more. */
  keepQueues(recipientIds: readonly Uint8Array[]): void {
    const kept = new Set(recipientIds.map((id) => Buffer.from(id).toString("hex")));
    const ids = this.#sqlite.prepare("SELECT recipient_id FROM overlay_carry_taken").pluck().all() as Buffer[];
    for (const id of ids) {
      if (kept.has(id.toString("hex"))) continue;
      this.#sqlite.prepare("DELETE FROM overlay_carry_taken WHERE recipient_id = ?").run(id);
      this.#sqlite.prepare("DELETE FROM overlay_carry_early WHERE recipient_id = ?").run(id);
    }
  }

  isTaken(recipientId: Uint8Array, number: number): boolean {
    const id = Buffer.from(recipientId);
    if (number <= this.#upTo(id)) return true;
    return (
      this.#sqlite
        .prepare("SELECT 1 FROM overlay_carry_early WHERE recipient_id = ? AND number = ?")
        .get(id, number) !== undefined
    );
  }

  /** Carried cells of an own queue are done with. */
  take(recipientId: Uint8Array, numbers: readonly number[]): void {
    const id = Buffer.from(recipientId);
    const early = this.#sqlite.prepare("INSERT OR IGNORE INTO overlay_carry_early VALUES (?, ?)");
    for (const number of numbers) early.run(id, number);
    const before = this.#upTo(id);
    let upTo = before;
    const next = this.#sqlite.prepare("DELETE FROM overlay_carry_early WHERE recipient_id = ? AND number = ?");
    while (next.run(id, upTo + 1).changes > 0) upTo++;
    this.#sqlite.prepare("INSERT OR REPLACE INTO overlay_carry_taken VALUES (?, ?)").run(id, upTo);
  }

  /** What the writer of an own queue may be told; undefined where nothing was ever carried into it. */
  receipt(recipientId: Uint8Array): Extract<BundleHeader, { kind: "receipt" }> | undefined {
    const id = Buffer.from(recipientId);
    const upTo = this.#sqlite.prepare("SELECT up_to FROM overlay_carry_taken WHERE recipient_id = ?").pluck().get(id);
    if (upTo === undefined) return undefined;
    const early = this.#sqlite
      .prepare("SELECT number FROM overlay_carry_early WHERE recipient_id = ? ORDER BY number")
      .pluck()
      .all(id) as number[];
    const ranges: { first: number; last: number }[] = [];
    for (const number of early) {
      const open = ranges.at(-1);
      if (open?.last === number - 1) open.last = number;
      else ranges.push({ first: number, last: number });
    }
    return { kind: "receipt", upTo: upTo as number, ranges: ranges.slice(0, RANGES_MAX) satisfies NumberRange[] };
  }

  #upTo(id: Buffer): number {
    return (this.#sqlite.prepare("SELECT up_to FROM overlay_carry_taken WHERE recipient_id = ?").pluck().get(id) ??
      0) as number;
  }
}
