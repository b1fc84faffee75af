import type { AddressLabel } from "../../foundation/address.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database, Schema } from "../../foundation/database.ts";
import { deriveKey } from "../../foundation/seal.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import type { Outbox } from "../letters/outbox.ts";
import { controlLetter } from "../letters/prepared-letter.ts";
import { QUEUE_AGE_LEAST, QUEUE_AGE_MOST, QUEUE_OVERLAP, QUIET_SWEEPS, RELAY_GIVEN_UP } from "../limits.ts";
import { encodeControl } from "../sessions/control.ts";
import type { QueueAddress } from "./queue-address.ts";
import type { OwnQueue, QueueContent, Queues } from "./queues.ts";

/** Queues that were made anew after a theft: their contacts learn of them by renewals, outside of any session. */
export const freshQueueSchema: Schema = {
  part: "overlay-fresh-queue",
  migrations: [
    `CREATE TABLE overlay_fresh_queue (
       label TEXT PRIMARY KEY,
       queue INTEGER NOT NULL,
       told INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;`,
  ],
};

/** Which queue follows which, and which address of a contact is its latest. */
export const rotationSchema: Schema = {
  part: "overlay-rotation",
  migrations: [
    `CREATE TABLE overlay_rotation (
       queue INTEGER PRIMARY KEY,
       due_at INTEGER NOT NULL,
       successor INTEGER,
       told INTEGER NOT NULL DEFAULT 0,
       used_at INTEGER
     ) STRICT;
     CREATE TABLE overlay_queue_order (
       label TEXT PRIMARY KEY,
       told INTEGER NOT NULL DEFAULT 0,
       heard INTEGER NOT NULL DEFAULT 0
     ) STRICT, WITHOUT ROWID;`,
  ],
};

export interface RotationOptions {
  readonly db: Database;
  readonly queues: Queues;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly random: (length: number) => Buffer;
  /** The own relays, the preferred one first. */
  readonly relays: readonly RelayAddress[];
  readonly connected: (relay: RelayAddress) => boolean;
  /** Whether the relay answers; asked for rarely. */
  readonly answers: (relay: RelayAddress) => Promise<boolean>;
  /** All that came from this queue is stored. */
  readonly quiet: (queue: number) => boolean;
  /** Has a new, changed or deleted queue looked after. */
  readonly read: (queue: number) => void;
  readonly wakeSender: (label: AddressLabel) => void;
}

interface RotationRow {
  readonly queue: number;
  readonly due_at: number;
  readonly successor: number | null;
  readonly told: number;
  readonly used_at: number | null;
}

/**
 * Every queue is followed by another after some weeks, so that a relay sees no contact for years under one number; and
 * when its relay no longer answers, on another relay. The contact is told by a letter, and both queues are read until
 * the new one has been in use for so long that nothing can be on its way into the old one.
 *
 * A successor's secrets follow from the secret that only the reader has of the old queue: a home that was restored from
 * a copy comes to the same queue, and finds there what its contacts have written since.
 */
export class QueueRotation {
  readonly #o: RotationOptions;
  readonly #sqlite: Database["sqlite"];
  /** Successors that no letter has come through yet. */
  readonly #unused: Set<number>;
  /** At how many sweeps, one after the other, nothing was on its way from a queue. */
  readonly #quiet = new Map<number, number>();
  /** When each relay was last seen connected; the start counts as that. */
  readonly #seen = new Map<RelayAddress, number>();

  constructor(options: RotationOptions) {
    options.db.migrate(rotationSchema);
    options.db.migrate(freshQueueSchema);
    this.#o = options;
    this.#sqlite = options.db.sqlite;
    this.#unused = new Set(
      this.#rows().flatMap(({ successor, used_at }) => (used_at === null && successor !== null ? [successor] : [])),
    );
  }

  /** To be called regularly, but not at the start: what lies in old queues has to come first. */
  async step(): Promise<void> {
    const { db, queues, read, wakeSender, clock } = this.#o;
    const now = clock.now();
    const givenUp = await this.#givenUp(now);
    const [changed, told] = db.transaction(() => {
      this.#forgetGone();
      const rows = new Map(this.#rows().map((row) => [row.queue, row]));
      const succeeding = new Set([...rows.values()].map(({ successor }) => successor));
      const changed: number[] = [];
      const told: AddressLabel[] = [];
      for (const queue of queues.allOwn()) {
        if (queue.label === undefined || queue.state !== "ready") continue;
        const row = rows.get(queue.id);
        if (row === undefined) this.#begin(queue, now);
        else if (row.successor === null) {
          const target = this.#target(queue, givenUp);
          const due = row.due_at <= now || row.due_at > now + QUEUE_AGE_MOST;
          if ((due && !succeeding.has(queue.id)) || (target !== undefined && givenUp.has(queue.relay)))
            changed.push(this.#follow(queue, target ?? queue.relay));
        } else if (this.#isOver(row, queue, givenUp, now)) changed.push(this.#retire(queue, givenUp));
        else if (row.told === 0 && this.#tell(row)) told.push(queue.label);
      }
      return [changed, told] as const;
    });
    for (const id of changed) read(id);
    for (const label of told) wakeSender(label);
  }

  /** A contact's letter came through the queue. */
  used(queue: number): void {
    if (!this.#unused.delete(queue)) return;
    const { db, clock } = this.#o;
    db.transactionUnsynced(() =>
      this.#sqlite
        .prepare("UPDATE overlay_rotation SET used_at = ? WHERE successor = ? AND used_at IS NULL")
        .run(clock.now(), queue),
    );
  }

  /**
   * The contact says where to write, and in which order it said so; in the caller's transaction. Letters that were half
   * on their way begin anew there, for the halves would not meet. False for what is older than what was heard.
   */
  hear(label: AddressLabel, address: QueueAddress, order: number): boolean {
    const heard = this.#sqlite.prepare("SELECT heard FROM overlay_queue_order WHERE label = ?").pluck().get(label);
    if (typeof heard === "number" && order <= heard) return false;
    this.#sqlite
      .prepare(
        `INSERT INTO overlay_queue_order (label, heard) VALUES (?, ?)
         ON CONFLICT (label) DO UPDATE SET heard = excluded.heard`,
      )
      .run(label, order);
    const before = this.#o.queues.contact(label);
    this.#o.queues.setContact(label, address);
    if (before !== undefined && !before.senderId.every((byte, at) => byte === address.senderId[at]))
      this.#o.outbox.sendAnew(label);
    return true;
  }

  /** The own relay is under another host or port than the contacts were told: tells them. */
  tellNewAddresses(): void {
    const { db, queues } = this.#o;
    const followed = new Set(this.#rows().flatMap(({ queue, successor }) => (successor === null ? [] : [queue])));
    db.transaction(() => {
      for (const queue of queues.allOwn()) {
        const { relay, toldRelay, label, state, id } = queue;
        if (relay.host === toldRelay.host && relay.port === toldRelay.port) continue;
        if (label === undefined || state === "deleting") continue;
        queues.setToldRelay(id, relay);
        if (!followed.has(id)) this.#say(label, queue);
      }
    });
  }

  /**
   * Somebody else may hold the secrets of the contact's queues: a new one that follows from none of them takes their
   * place; in the caller's transaction. Returns it.
   */
  makeAnew(label: AddressLabel): number {
    const { queues, clock } = this.#o;
    const now = clock.now();
    const before = queues.ownOf(label).filter(({ state }) => state !== "deleting");
    const fresh = queues.create(label);
    for (const [at, { id }] of before.entries())
      this.#sqlite
        .prepare(
          `INSERT INTO overlay_rotation (queue, due_at, successor, told) VALUES (?, ?, ?, ?)
           ON CONFLICT (queue) DO UPDATE SET successor = excluded.successor, told = excluded.told, used_at = NULL`,
        )
        .run(id, now, fresh.id, Number(at < before.length - 1));
    this.#sqlite
      .prepare("INSERT OR REPLACE INTO overlay_fresh_queue VALUES (?, ?, ?)")
      .run(label, fresh.id, this.#nextOrder(label, now));
    this.#unused.add(fresh.id);
    return fresh.id;
  }

  /** The queue that was made anew, for the contact's next renewal; `not-yet`: its relay does not know it so far. */
  announcement(
    label: AddressLabel,
  ): { readonly address: QueueAddress; readonly order: number } | "not-yet" | undefined {
    const row = this.#sqlite
      .prepare(
        `SELECT queue, told FROM overlay_fresh_queue AS fresh WHERE label = ? AND NOT EXISTS
           (SELECT 1 FROM overlay_rotation AS next WHERE next.queue = fresh.queue AND next.successor IS NOT NULL)`,
      )
      .get(label) as { queue: number; told: number } | undefined;
    const queue = row && this.#o.queues.own(row.queue);
    if (row === undefined || queue === undefined || queue.state === "deleting") return undefined;
    if (queue.state === "new") return "not-yet";
    return { address: this.#o.queues.address(queue), order: row.told };
  }

  /**
   * A contact's paper key has spoken: whoever else held its keys may have said where to write to, and knows the queue
   * that the contact writes into. What was heard before counts no more, and that queue is followed by another soon; in
   * the caller's transaction.
   */
  distrust(label: AddressLabel): void {
    this.#sqlite.prepare("UPDATE overlay_queue_order SET heard = 0 WHERE label = ?").run(label);
    this.#sqlite
      .prepare(
        "UPDATE overlay_rotation SET due_at = 0 WHERE queue IN (SELECT id FROM overlay_own_queue WHERE label = ?)",
      )
      .run(label);
  }

  /** The contact is gone; in the caller's transaction. */
  forget(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_queue_order WHERE label = ?").run(label);
    this.#sqlite.prepare("DELETE FROM overlay_fresh_queue WHERE label = ?").run(label);
  }

  #rows(): RotationRow[] {
    return this.#sqlite.prepare("SELECT * FROM overlay_rotation").all() as RotationRow[];
  }

  #forgetGone(): void {
    this.#sqlite
      .prepare(
        "DELETE FROM overlay_rotation WHERE queue NOT IN (SELECT id FROM overlay_own_queue WHERE state <> 'deleting')",
      )
      .run();
  }

  /** How old it gets follows from its secrets too. */
  #begin(queue: OwnQueue, now: number): void {
    const share = derive(queue, "postern queue age 1", 4).readUInt32BE() / 2 ** 32;
    const due = Math.floor(now + QUEUE_AGE_LEAST + share * (QUEUE_AGE_MOST - QUEUE_AGE_LEAST));
    this.#sqlite.prepare("INSERT INTO overlay_rotation (queue, due_at) VALUES (?, ?)").run(queue.id, due);
  }

  /** The relay that the next queue goes to, if not the same. */
  #target(queue: OwnQueue, givenUp: ReadonlySet<RelayAddress>): RelayAddress | undefined {
    const { relays } = this.#o;
    const target = relays.find((relay) => !givenUp.has(relay));
    return target !== queue.relay && target !== undefined ? target : undefined;
  }

  #follow(queue: OwnQueue, relay: RelayAddress): number {
    const successor = this.#o.queues.add(successorOf(queue), relay, queue.label);
    this.#sqlite.prepare("UPDATE overlay_rotation SET successor = ? WHERE queue = ?").run(successor, queue.id);
    this.#unused.add(successor);
    return successor;
  }

  /** False while the relay does not know the new queue yet. */
  #tell({ queue, successor }: RotationRow): boolean {
    const next = successor === null ? undefined : this.#o.queues.own(successor);
    if (next?.state !== "ready" || next.label === undefined) return false;
    this.#sqlite.prepare("UPDATE overlay_rotation SET told = 1 WHERE queue = ?").run(queue);
    this.#say(next.label, next);
    return true;
  }

  #say(label: AddressLabel, queue: OwnQueue): void {
    const { outbox, queues, random, clock } = this.#o;
    const order = this.#nextOrder(label, clock.now());
    const control = encodeControl({ kind: "queue", address: queues.address(queue), order });
    outbox.add(controlLetter(control, random), [label], clock.now());
  }

  /** Rises whatever the clock does. */
  #nextOrder(label: AddressLabel, now: number): number {
    return this.#sqlite
      .prepare(
        `INSERT INTO overlay_queue_order (label, told) VALUES (?, ?)
         ON CONFLICT (label) DO UPDATE SET told = max(told + 1, excluded.told) RETURNING told`,
      )
      .pluck()
      .get(label, now) as number;
  }

  #isOver(row: RotationRow, queue: OwnQueue, givenUp: ReadonlySet<RelayAddress>, now: number): boolean {
    if (row.used_at === null || row.used_at > now - QUEUE_OVERLAP) return false;
    if (givenUp.has(queue.relay)) return true;
    const quiet = this.#o.connected(queue.relay) && this.#o.quiet(queue.id);
    const sweeps = quiet ? (this.#quiet.get(queue.id) ?? 0) + 1 : 0;
    this.#quiet.set(queue.id, sweeps);
    return sweeps >= QUIET_SWEEPS;
  }

  #retire(queue: OwnQueue, givenUp: ReadonlySet<RelayAddress>): number {
    this.#quiet.delete(queue.id);
    // A relay that does not answer cannot be told; should it come back, the queue ends there by its age.
    if (givenUp.has(queue.relay)) this.#o.queues.remove(queue.id);
    else this.#o.queues.setState(queue.id, "deleting");
    this.#sqlite.prepare("DELETE FROM overlay_rotation WHERE queue = ?").run(queue.id);
    return queue.id;
  }

  /** Relays that have not answered for long, while another one of the own does: so it is not the network. */
  async #givenUp(now: number): Promise<ReadonlySet<RelayAddress>> {
    const { relays, connected, answers } = this.#o;
    const lost: RelayAddress[] = [];
    for (const relay of relays) {
      const seen = this.#seen.get(relay);
      if (seen === undefined || seen > now || connected(relay)) this.#seen.set(relay, now);
      else if (seen <= now - RELAY_GIVEN_UP) lost.push(relay);
    }
    if (lost.length === 0 || relays.length === 1) return new Set();
    const answering = await Promise.all(relays.map(async (relay) => connected(relay) || (await answers(relay))));
    return new Set(answering.includes(true) ? lost.filter((relay) => !answering[relays.indexOf(relay)]) : []);
  }
}

/** The secrets of the queue that follows. */
function successorOf(queue: OwnQueue): QueueContent {
  const bytes = derive(queue, "postern next queue 1", 144);
  return {
    recipientId: bytes.subarray(0, 24),
    recipientSeed: bytes.subarray(24, 56),
    senderId: bytes.subarray(56, 80),
    senderKey: bytes.subarray(80, 112),
    queueKey: bytes.subarray(112, 144),
  };
}

/** From the one secret of a queue that neither its relay nor its sender has. */
function derive(queue: OwnQueue, label: string, length: number): Buffer {
  return deriveKey(queue.recipientSeed, label, length);
}
