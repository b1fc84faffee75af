import type { AddressLabel } from "../../foundation/address.ts";
import { equalConstantTime } from "../../foundation/bytes.ts";
import type { Database } from "../../foundation/database.ts";
import { RowCache } from "../../foundation/row-cache.ts";
import { type RelayAddress, withoutToken } from "../../relay/relay-url.ts";
import { CACHED_QUEUES_MAX } from "../limits.ts";
import type { QueueSecrets } from "../relay-client/relay-client.ts";
import { decodeQueueAddress, encodeQueueAddress, type QueueAddress } from "./queue-address.ts";

/** All that a queue is made of, bytes as QueueSecrets says. */
export interface QueueContent extends QueueSecrets {
  /** Seals the cells: 32 bytes. */
  readonly queueKey: Buffer;
}

/** A queue that this bridge reads: one contact writes into it, or will, once an invite is taken. */
export interface OwnQueue extends QueueContent {
  readonly id: number;
  /** Undefined while its invite waits. */
  readonly label: AddressLabel | undefined;
  /** `new`: the relay may not know it yet. */
  readonly state: "new" | "ready" | "deleting";
  /** With the token if it is the own relay. */
  readonly relay: RelayAddress;
  /** The relay's address as the contact knows it. */
  readonly toldRelay: RelayAddress;
}

interface OwnQueueRow {
  id: number;
  label: AddressLabel | null;
  state: OwnQueue["state"];
  relay_host: string;
  relay_port: number;
  relay_pin: Buffer;
  recipient_id: Buffer;
  recipient_seed: Buffer;
  sender_id: Buffer;
  sender_key: Buffer;
  queue_key: Buffer;
}

/** The queues' secrets on disk. All methods are synchronous and join the caller's transaction. */
export class Queues {
  readonly #sqlite: Database["sqlite"];
  readonly #relays: readonly RelayAddress[];
  readonly #random: (length: number) => Buffer;
  /** Readers ask for theirs at each step. */
  readonly #known: RowCache<number, OwnQueue>;

  /** The own relays, with their tokens; the preferred one first. */
  constructor(db: Database, relays: readonly [RelayAddress, ...RelayAddress[]], random: (length: number) => Buffer) {
    this.#sqlite = db.sqlite;
    this.#relays = relays;
    this.#random = random;
    this.#known = new RowCache(() => db.sqlite.inTransaction, CACHED_QUEUES_MAX);
  }

  /** A new queue on the preferred relay, which is yet to learn of it. */
  create(label?: AddressLabel): OwnQueue {
    const random = this.#random;
    const secrets = {
      recipientId: random(24),
      recipientSeed: random(32),
      senderId: random(24),
      senderKey: random(32),
      queueKey: random(32),
    };
    const queue = this.own(this.add(secrets, this.#relays[0] as RelayAddress, label));
    if (queue === undefined) throw new Error("the queue that was just written is not there");
    return queue;
  }

  /** The same with secrets of one's choice; returns its id. */
  add(secrets: QueueContent, { host, port, pin }: RelayAddress, label?: AddressLabel): number {
    const { recipientId, recipientSeed, senderId, senderKey, queueKey } = secrets;
    const { lastInsertRowid } = this.#sqlite
      .prepare("INSERT INTO overlay_own_queue VALUES (NULL, ?, 'new', ?, ?, ?, ?, ?, ?, ?, ?)")
      .run(label ?? null, host, port, pin, recipientId, recipientSeed, senderId, senderKey, queueKey);
    this.#known.changed();
    return Number(lastInsertRowid);
  }

  own(id: number): OwnQueue | undefined {
    return this.#known.get(id, () => {
      const row = this.#sqlite.prepare("SELECT * FROM overlay_own_queue WHERE id = ?").get(id);
      return row === undefined ? undefined : this.#decode(row as OwnQueueRow);
    });
  }

  allOwn(): OwnQueue[] {
    const rows = this.#sqlite.prepare("SELECT * FROM overlay_own_queue ORDER BY id").all() as OwnQueueRow[];
    return rows.map((row) => this.#decode(row));
  }

  ownOf(label: AddressLabel): OwnQueue[] {
    return this.allOwn().filter((queue) => queue.label === label);
  }

  setState(id: number, state: OwnQueue["state"]): void {
    this.#sqlite.prepare("UPDATE overlay_own_queue SET state = ? WHERE id = ?").run(state, id);
    this.#known.changed();
  }

  setLabel(id: number, label: AddressLabel): void {
    this.#sqlite.prepare("UPDATE overlay_own_queue SET label = ? WHERE id = ?").run(label, id);
    this.#known.changed();
  }

  /** Notes that the contact was told the relay's present address. */
  setToldRelay(id: number, relay: RelayAddress): void {
    this.#sqlite
      .prepare("UPDATE overlay_own_queue SET relay_host = ?, relay_port = ?, relay_pin = ? WHERE id = ?")
      .run(relay.host, relay.port, relay.pin, id);
    this.#known.changed();
  }

  remove(id: number): void {
    this.#sqlite.prepare("DELETE FROM overlay_own_queue WHERE id = ?").run(id);
    this.#known.changed();
  }

  /** The queue as the contact gets it, at the relay's present address. */
  address(queue: OwnQueue): QueueAddress {
    return {
      relay: withoutToken(queue.relay),
      senderId: queue.senderId,
      senderKey: queue.senderKey,
      queueKey: queue.queueKey,
    };
  }

  contact(label: AddressLabel): QueueAddress | undefined {
    const address = this.#sqlite
      .prepare("SELECT address FROM overlay_contact_queue WHERE label = ?")
      .pluck()
      .get(label);
    return address === undefined ? undefined : decodeQueueAddress(address as Buffer);
  }

  setContact(label: AddressLabel, address: QueueAddress): void {
    this.#sqlite
      .prepare("INSERT OR REPLACE INTO overlay_contact_queue VALUES (?, ?)")
      .run(label, encodeQueueAddress(address));
  }

  removeContact(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_contact_queue WHERE label = ?").run(label);
  }

  #decode(row: OwnQueueRow): OwnQueue {
    const told = { host: row.relay_host, port: row.relay_port, pin: row.relay_pin };
    return {
      id: row.id,
      label: row.label ?? undefined,
      state: row.state,
      // The pin is the relay's identity: under another host or port it is still the same relay.
      relay: this.#relays.find(({ pin }) => equalConstantTime(told.pin, pin)) ?? told,
      toldRelay: told,
      recipientId: row.recipient_id,
      recipientSeed: row.recipient_seed,
      senderId: row.sender_id,
      senderKey: row.sender_key,
      queueKey: row.queue_key,
    };
  }
}
