import type { Rate } from "./bucket.ts";
import type { StoreLimits } from "./store.ts";

/** Every bound of the relay. Times in milliseconds. */
export interface RelayLimits extends StoreLimits {
  /** Octets of cells in one queue before its sender is told FULL: 64 MiB, since a large attachment travels as cells. */
  readonly queueOctets: number;
  /** Octets of cells and blobs in all: what the disk is meant to bear (16 GiB), for a full disk serves nobody. */
  readonly octets: number;
  /** Queues in all: a holder of the token may be a program gone wild. */
  readonly queues: number;
  /** Slots in all, for the same reason. */
  readonly slots: number;
  /** Blobs in all, for the same reason. */
  readonly blobs: number;
  /** Octets of one blob: the largest letter, and some for later ones. */
  readonly blobOctets: number;
  /** How long an unread cell, or a blob, lives: three weeks of holidays. */
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
  /** Open connections: each costs some 100 KB. Past it strangers make room, see doorkeeper.ts. */
  readonly connections: number;
  /** Connections of one network address that have shown no key or token yet: a household's bridges that start together. */
  readonly strangersPerSource: number;
  /** New connections of one network address: each costs the relay a TLS handshake, about a millisecond. */
  readonly connectionRate: Rate;
  /** Commands of one connection; past it they are read no faster. The burst is 64 MiB of cells: a large attachment. */
  readonly commandRate: Rate;
  /** Commands of all connections of one network address together. */
  readonly sourceCommandRate: Rate;
  /** Commands of one connection that are refused for want of a key or a token, as those of a contact that was removed. */
  readonly refusalRate: Rate;
  /** Network addresses that are remembered at a time, some 500 bytes each. */
  readonly sources: number;
  /** Queues and slots that the holders of one token make in an hour, if the token does not say: a program gone wild is slowed. */
  readonly creationsPerHour: number;
  /** How long a connection may stay without showing any key or token. */
  readonly strangerTimeout: number;
  /** Strangers that are led to other relays at a time, each by two connections, and 64 KiB under way. */
  readonly forwards: number;
  /** And of one network address: one for each contact that somebody writes to, as long as it is used. */
  readonly forwardsPerSource: number;
  /** How long the other relay may take to agree. */
  readonly forwardTimeout: number;
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
  /** The same for one that keeps pace: its intervals are 15 minutes on average at most, and hardly ever 24 times that. */
  readonly pacedTimeout: number;
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
  blobs: 10_000,
  blobOctets: 64 * MIB,
  cellLifetime: 21 * DAY,
  queueIdleLifetime: 366 * DAY,
  slotLifetime: 366 * DAY,
  slotAftermath: 30 * DAY,
  sweepInterval: 60 * MINUTE,
  sweepBatch: 256,
  connections: 4_096,
  strangersPerSource: 64,
  connectionRate: { perSecond: 10, burst: 256 },
  commandRate: { perSecond: 2_000, burst: 4_096 },
  sourceCommandRate: { perSecond: 8_000, burst: 65_536 },
  refusalRate: { perSecond: 2, burst: 64 },
  sources: 65_536,
  creationsPerHour: 1_000,
  strangerTimeout: MINUTE,
  forwards: 1_024,
  forwardsPerSource: 256,
  forwardTimeout: 10_000,
  subscriptions: 10_000,
  unanswered: 256,
  credit: 1_000_000,
  pushBatch: 16,
  unsent: 1_048_576,
  handshakeTimeout: 10_000,
  pacedTimeout: 360 * MINUTE,
  idleTimeout: 5 * MINUTE,
};
