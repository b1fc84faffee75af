import type { StoreLimits } from "./store.ts";

/** Every bound of the relay. Times in milliseconds. */
export interface RelayLimits extends StoreLimits {
  /** Octets of cells in one queue before its sender is told FULL: 64 MiB, since a large attachment travels as cells. */
  readonly queueOctets: number;
  /** Octets of cells in all: what the disk is meant to bear (16 GiB), for a full disk serves nobody. */
  readonly octets: number;
  /** Queues in all: a holder of the token may be a program gone wild. */
  readonly queues: number;
  /** Slots in all, for the same reason. */
  readonly slots: number;
  /** How long an unread cell lives: three weeks of holidays. */
  readonly cellLifetime: number;
  /** A queue that nobody subscribed to for so long is removed, or the abandoned ones would fill the relay for ever. */
  readonly queueIdleLifetime: number;
  /** How far ahead a slot's expiry may lie. */
  readonly slotLifetime: number;
  /** How long the owner of a slot that is over may still ask what became of it. */
  readonly slotAftermath: number;
  /** How often the expired are looked for; they may live so much longer. */
  readonly sweepInterval: number;
  /** Rows that a sweep removes in one transaction, so that senders never wait long behind it. */
  readonly sweepBatch: number;
  /** Open connections: each costs some 100 KB. */
  readonly connections: number;
  /** Queues that one connection reads. */
  readonly subscriptions: number;
  /** Commands of one connection under way; past it the relay stops reading from it. At 16 KiB each, 4 MiB. */
  readonly unanswered: number;
  /** Credit that one subscription can heap up; more is cut to this. */
  readonly credit: number;
  /** Cells read from the store at a time to be pushed: memory per connection, 256 KiB. */
  readonly pushBatch: number;
  /** Bytes waiting in a connection's socket past which nothing more is read from it or pushed to it. */
  readonly unsent: number;
  /** From the TCP connection until the client's HELLO. */
  readonly handshakeTimeout: number;
  /** Silence after which a connection is dropped; clients ping each minute. */
  readonly idleTimeout: number;
}

const MIB = 1_048_576;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export const DEFAULT_LIMITS: RelayLimits = {
  queueOctets: 64 * MIB,
  octets: 16_384 * MIB,
  queues: 100_000,
  slots: 10_000,
  cellLifetime: 21 * DAY,
  queueIdleLifetime: 366 * DAY,
  slotLifetime: 366 * DAY,
  slotAftermath: 30 * DAY,
  sweepInterval: 60 * MINUTE,
  sweepBatch: 256,
  connections: 4_096,
  subscriptions: 10_000,
  unanswered: 256,
  credit: 1_000_000,
  pushBatch: 16,
  unsent: 1_048_576,
  handshakeTimeout: 10_000,
  idleTimeout: 5 * MINUTE,
};
