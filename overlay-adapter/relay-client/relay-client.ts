import type { Clock } from "../../foundation/clock.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Logger } from "../../foundation/logger.ts";
import { formatRelayUrl, type RelayAddress, withoutToken } from "../../relay/relay-url.ts";
import type { Carrier } from "../carriers/carrier.ts";
import {
  type BlobOwner,
  type BlobReading,
  type BlobUpload,
  deleteBlob,
  finishBlob,
  readBlob,
  uploadBlob,
} from "./blob-requests.ts";
import { RelayLink } from "./relay-link.ts";
import { claimSlot, createQueue, deleteQueue, deleteSlot, putSlot, send, slotStatus } from "./relay-requests.ts";

/** What reading a queue takes. */
export interface QueueReader {
  /** 24 random bytes. */
  readonly recipientId: Uint8Array;
  /** 32-byte seed of the queue's Ed25519 key. */
  readonly recipientSeed: Uint8Array;
}

/** What sending into a queue takes; goes to the contact inside the queue's address. */
export interface QueueSender {
  /** 24 random bytes. */
  readonly senderId: Uint8Array;
  /** 32-byte key of the sender's HMAC-SHA256. */
  readonly senderKey: Uint8Array;
}

/** All of a queue. Chosen at random by its owner and made durable before createQueue, which may then be repeated. */
export interface QueueSecrets extends QueueReader, QueueSender {}

/** What owning an invite's slot takes. */
export interface SlotOwner {
  /** 24 bytes. */
  readonly slotId: Uint8Array;
  /** 32-byte seed of the owner's Ed25519 key. */
  readonly ownerSeed: Uint8Array;
}

/** `full`: the queue holds as much as it may, try later; `gone`: there is no such queue any more, or the key is not its. */
export type SendOutcome = "accepted" | "full" | "gone";

export type SlotClaim =
  | { readonly kind: "cell"; readonly cell: Buffer }
  | { readonly kind: "burned" | "expired" | "gone" };

/** `gone`: no such slot, or not this owner's. */
export type SlotStatus = "open" | "claimed" | "burned" | "expired" | "gone";

/** Why cells of a subscription stopped for good: another connection reads the queue now, or it was deleted. */
export type SubscriptionEnd = "taken-over" | "gone";

export interface Subscriber {
  /** How many cells may come before the first credit. */
  readonly credit: number;
  /**
   * Cells in the order of their seq, each once per subscription: a broken connection is resumed behind the last one.
   * A new subscription starts with the oldest cell that was never acknowledged.
   */
  onCell(seq: number, cell: Buffer): void;
  onEnd?(end: SubscriptionEnd): void;
}

export interface Subscription {
  /** Lets so many more cells come. */
  credit(count: number): void;
  /**
   * Has the relay delete these cells; resolves once it has. Repeated over reconnections until answered.
   * @throws Failure("unavailable") if the subscription or the client is closed before, Failure("nonexistent") if it ended
   */
  acknowledge(seqs: readonly number[]): Promise<void>;
  /** No more cells come; what was not acknowledged stays at the relay. */
  close(): void;
}

/**
 * All of this bridge's relays: one connection each, or one for each queue where the carrier isolates, opened when first
 * needed, kept alive, and opened again with growing pauses while something is subscribed. A request whose connection breaks before the answer came rejects with
 * Failure("unavailable"); every request may be repeated. Cells are CELL_SIZE bytes; times are milliseconds since 1970.
 */
export interface RelayClient {
  /** Doing it again with the same secrets is no error. @throws Failure forbidden (token), already-exists, full, unavailable */
  createQueue(relay: RelayAddress, queue: QueueSecrets): Promise<void>;
  /** Takes the queue over from any other connection that reads it. */
  subscribe(relay: RelayAddress, queue: QueueReader, subscriber: Subscriber): Subscription;
  /** Resolves when the relay has the cell on its disk. Many may be under way at once; they arrive in the order of the calls. */
  send(relay: RelayAddress, queue: QueueSender, cell: Uint8Array): Promise<SendOutcome>;
  /** With all that it holds; no error if it is gone already. */
  deleteQueue(relay: RelayAddress, queue: QueueReader): Promise<void>;
  /** Doing it again with the same content is no error. @throws Failure forbidden (token), already-exists, full, unavailable */
  putSlot(relay: RelayAddress, slot: SlotOwner, expiresAt: number, cell: Uint8Array): Promise<void>;
  /** The first claim locks the slot to this key, which may claim again; a claim with any other key burns it. */
  claimSlot(relay: RelayAddress, slotId: Uint8Array, claimSeed: Uint8Array): Promise<SlotClaim>;
  slotStatus(relay: RelayAddress, slot: SlotOwner): Promise<SlotStatus>;
  /** No error if it is gone already. */
  deleteSlot(relay: RelayAddress, slot: SlotOwner): Promise<void>;
  /**
   * Puts a blob on the own relay; resolves when all of it is on its disk. Done again, it goes on where it was.
   * @throws Failure forbidden (token, or a relay without blobs), full, invalid (too large), unavailable
   */
  uploadBlob(relay: RelayAddress, upload: BlobUpload): Promise<void>;
  /** Reads somebody's blob, from an octet on. @throws Failure nonexistent, forbidden (a relay without blobs), unavailable */
  readBlob(
    relay: RelayAddress,
    reading: BlobReading,
    part: { readonly from: number; readonly octets: number },
  ): AsyncIterable<Buffer>;
  /** Says that this reader has all of somebody's blob. No error if it is gone already. */
  finishBlob(relay: RelayAddress, reading: BlobReading): Promise<void>;
  /** Takes an own blob back. No error if it is gone already. */
  deleteBlob(relay: RelayAddress, owner: BlobOwner): Promise<void>;
  /** In scheduled mode: has the connection for somebody else's queue stand all the time, so that its use does not show. */
  hold(relay: RelayAddress, senderId: Uint8Array): void;
  /** True while a connection to this relay stands. */
  connected(relay: RelayAddress): boolean;
  /** Ends all connections; what is under way rejects with Failure("unavailable"). */
  close(): Promise<void>;
}

export interface RelayClientOptions {
  readonly carrier: Carrier;
  /** Carries what is asked of somebody else's queues and slots, at their relays; `carrier` unless given. */
  readonly sendingCarrier?: Carrier;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Numbers from 0 up to 1 for the jitter of reconnections. */
  readonly jitter?: () => number;
  /** Told whenever a connection came to stand or broke; a good moment to retry. */
  readonly onConnection?: (relay: RelayAddress, connected: boolean) => void;
}

/**
 * On one connection a relay would see which queues belong together: who reads them all, or writes into them, is one
 * person. So with a carrier that isolates, each queue has its own connection, and a queue that is read and the one that
 * is written to in return share nothing either. Slots likewise.
 */
export function createRelayClient(options: RelayClientOptions): RelayClient {
  const { carrier, sendingCarrier = carrier } = options;
  const links = new Map<string, { readonly relay: string; readonly link: RelayLink }>();
  let closed = false;

  function linkBy(carrier: Carrier, relay: RelayAddress, id: Uint8Array, shared?: string): RelayLink {
    if (closed) throw new Failure("unavailable", "the relay client is closed");
    const isolation = carrier.properties.isolates ? Buffer.from(id).toString("hex") : shared;
    const url = formatRelayUrl(withoutToken(relay));
    const key = `${carrier === sendingCarrier ? "" : "own "}${url} ${isolation ?? ""}`;
    const found = links.get(key);
    if (found !== undefined) return found.link;
    const onIdle = (): void => void links.delete(key);
    const link = new RelayLink(withoutToken(relay), options, { carrier, isolation, onIdle });
    links.set(key, { relay: url, link });
    return link;
  }

  /** To the relay of a queue or slot of one's own, by its id. */
  const own = (relay: RelayAddress, id: Uint8Array): RelayLink => linkBy(carrier, relay, id);
  /** To the relay of somebody else's. */
  const foreign = (relay: RelayAddress, id: Uint8Array): RelayLink => linkBy(sendingCarrier, relay, id);
  /** Blobs have connections of their own: letters do not wait behind megabytes. */
  const ownBlob = (relay: RelayAddress, id: Uint8Array): RelayLink => linkBy(carrier, relay, id, "blobs");
  const foreignBlob = (relay: RelayAddress, id: Uint8Array): RelayLink => linkBy(sendingCarrier, relay, id, "blobs");

  return {
    createQueue: async (relay, queue) => createQueue(own(relay, queue.recipientId), relay, queue),
    subscribe: (relay, queue, subscriber) => own(relay, queue.recipientId).subscribe(queue, subscriber),
    send: async (relay, queue, cell) => {
      const link = foreign(relay, queue.senderId);
      if (sendingCarrier.properties.scheduled) link.hold();
      return send(link, queue, cell);
    },
    deleteQueue: async (relay, queue) => deleteQueue(own(relay, queue.recipientId), queue),
    putSlot: async (relay, slot, expiresAt, cell) => putSlot(own(relay, slot.slotId), relay, slot, expiresAt, cell),
    claimSlot: async (relay, slotId, claimSeed) => claimSlot(foreign(relay, slotId), slotId, claimSeed),
    slotStatus: async (relay, slot) => slotStatus(own(relay, slot.slotId), slot),
    deleteSlot: async (relay, slot) => deleteSlot(own(relay, slot.slotId), slot),
    uploadBlob: async (relay, upload) => uploadBlob(ownBlob(relay, upload.owner.blobId), relay, upload),
    readBlob: (relay, reading, part) => readBlob(foreignBlob(relay, reading.readId), reading, part),
    finishBlob: async (relay, reading) => finishBlob(foreignBlob(relay, reading.readId), reading),
    deleteBlob: async (relay, owner) => deleteBlob(ownBlob(relay, owner.blobId), owner),
    hold(relay, senderId) {
      if (sendingCarrier.properties.scheduled) foreign(relay, senderId).hold();
    },
    connected(relay) {
      const url = formatRelayUrl(withoutToken(relay));
      for (const each of links.values()) if (each.relay === url && each.link.connected) return true;
      return false;
    },
    async close() {
      closed = true;
      for (const { link } of links.values()) link.close();
    },
  };
}

/** Whether a relay can be reached and speaks the protocol: it is asked for a slot that nobody has. */
export async function answers(
  client: RelayClient,
  relay: RelayAddress,
  random: (length: number) => Buffer,
): Promise<boolean> {
  try {
    await client.slotStatus(relay, { slotId: random(24), ownerSeed: random(32) });
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}
