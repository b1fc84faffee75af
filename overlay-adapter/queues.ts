import type { AddressLabel } from "../foundation/address.ts";
import { equalConstantTime } from "../foundation/bytes.ts";
import type { Database } from "../foundation/database.ts";
import { type RelayAddress, withoutToken } from "../relay/relay-url.ts";
import { decodeQueueAddress, encodeQueueAddress, type QueueAddress } from "./queue-address.ts";
import type { QueueSecrets } from "./relay-client.ts";

/** A queue that this bridge reads: one contact writes into it, or will, once an invite is taken. */
export interface OwnQueue extends QueueSecrets {
  readonly id: number;
  /** Undefined while its invite waits. */
  readonly label: AddressLabel | undefined;
  /** `new`: the relay may not know it yet. */
  readonly state: "new" | "ready" | "deleting";
  /** With the token if it is the own relay. */
  readonly relay: RelayAddress;
  /** The relay's address as the contact knows it. */
  readonly toldRelay: RelayAddress;
  readonly queueKey: Buffer;
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
  readonly #relay: RelayAddress;
  readonly #random: (length: number) => Buffer;

  constructor(db: Database, relay: RelayAddress, random: (length: number) => Buffer) {
    this.#sqlite = db.sqlite;
    this.#relay = relay;
    this.#random = random;
  }

  /** A new queue on the own relay, which is yet to learn of it. */
  create(label?: AddressLabel): OwnQueue {
    const { host, port, pin } = this.#relay;
    const random = this.#random;
    const { lastInsertRowid } = this.#sqlite
      .prepare("INSERT INTO overlay_own_queue VALUES (NULL, ?, 'new', ?, ?, ?, ?, ?, ?, ?, ?)")
      .run(label ?? null, host, port, pin, random(24), random(32), random(24), random(32), random(32));
    const queue = this.own(Number(lastInsertRowid));
    if (queue === undefined) throw new Error("the queue that was just written is not there");
    return queue;
  }

  own(id: number): OwnQueue | undefined {
    const row = this.#sqlite.prepare("SELECT * FROM overlay_own_queue WHERE id = ?").get(id);
    return row === undefined ? undefined : this.#decode(row as OwnQueueRow);
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
  }

  setLabel(id: number, label: AddressLabel): void {
    this.#sqlite.prepare("UPDATE overlay_own_queue SET label = ? WHERE id = ?").run(label, id);
  }

  /** Notes that the contact was told the relay's present address. */
  setToldRelay(id: number, relay: RelayAddress): void {
    this.#sqlite
      .prepare("UPDATE overlay_own_queue SET relay_host = ?, relay_port = ?, relay_pin = ? WHERE id = ?")
      .run(relay.host, relay.port, relay.pin, id);
  }

  remove(id: number): void {
    this.#sqlite.prepare("DELETE FROM overlay_own_queue WHERE id = ?").run(id);
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
      relay: equalConstantTime(told.pin, this.#relay.pin) ? this.#relay : told,
      toldRelay: told,
      recipientId: row.recipient_id,
      recipientSeed: row.recipient_seed,
      senderId: row.sender_id,
      senderKey: row.sender_key,
      queueKey: row.queue_key,
    };
  }
}
