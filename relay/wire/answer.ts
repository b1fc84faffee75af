import { DecodeError } from "../../foundation/bytes.ts";
import { CELL_SIZE } from "./cell.ts";
import { type Codec, readChoice, writeFixed } from "./codec.ts";

/** It is done, and durable where it changed something. */
export interface Ok {
  readonly kind: "ok";
}

const REFUSALS = [
  /** A quota is reached; nothing was stored. */
  "full",
  /** No such queue, or not with this key. */
  "no-queue",
  /** No such slot, or not with this key. */
  "no-slot",
  /** The token is not this relay's. */
  "forbidden",
  /** The id belongs to a queue or slot with other contents. */
  "in-use",
  /** This connection does not read that queue. */
  "not-subscribed",
  /** Two keys claimed the slot: nobody gets it any more. */
  "burned",
  /** The slot's time is over. */
  "expired",
  /** A value that the relay does not allow, for instance a slot that would live for years. */
  "invalid",
  /** The relay could not do it just now, for instance because its disk is full; the same command may succeed later. */
  "retry",
  /** No such blob, or not with this key. */
  "no-blob",
] as const;

export type RefusalReason = (typeof REFUSALS)[number];

/** OK to several commands at once. Bears no command's number itself. */
export interface Done {
  readonly kind: "done";
  /** Numbers of the commands, in the order in which they were done; at least one. */
  readonly correlations: readonly number[];
}

/** It was not done, and nothing was changed. */
export interface Refused {
  readonly kind: "refused";
  readonly reason: RefusalReason;
}

/** The answer to SUBSCRIBE; MSGs come after it. */
export interface Subscribed {
  readonly kind: "subscribed";
  /** The seq that the next cell to arrive will get. */
  readonly nextSeq: number;
}

export interface SlotCell {
  readonly kind: "slot-cell";
  readonly cell: Buffer;
}

export interface SlotState {
  readonly kind: "slot-state";
  readonly state: "open" | "claimed" | "burned" | "expired";
}

const STATES = ["open", "claimed", "burned", "expired"] as const;

/** `ok = ""` */
export const ok: Codec<Ok> = { kind: "ok", type: 0x83, write: () => undefined, read: () => ({ kind: "ok" }) };

/** `done = count 1*correlation ; count = u16, correlation = u32` */
export const done: Codec<Done> = {
  kind: "done",
  type: 0x88,
  write(message, to) {
    to.u16(message.correlations.length);
    for (const correlation of message.correlations) to.u32(correlation);
  },
  read(from) {
    const correlations = Array.from({ length: from.u16() }, () => from.u32());
    if (correlations.length === 0) throw new DecodeError("nothing was done");
    return { kind: "done", correlations };
  },
};

/** `refused = reason ; u8, in the order of RefusalReason from 0` */
export const refused: Codec<Refused> = {
  kind: "refused",
  type: 0x84,
  write: (message, to) => void to.u8(REFUSALS.indexOf(message.reason)),
  read: (from) => ({ kind: "refused", reason: readChoice(from, REFUSALS) }),
};

/** `subscribed = nextSeq ; u64` */
export const subscribed: Codec<Subscribed> = {
  kind: "subscribed",
  type: 0x85,
  write: (message, to) => void to.u64(message.nextSeq),
  read: (from) => ({ kind: "subscribed", nextSeq: from.u64() }),
};

/** `slot-cell = cell ; 16256 bytes` */
export const slotCell: Codec<SlotCell> = {
  kind: "slot-cell",
  type: 0x86,
  write: (message, to) => writeFixed(to, message.cell, CELL_SIZE),
  read: (from) => ({ kind: "slot-cell", cell: from.raw(CELL_SIZE) }),
};

/** `slot-state = state ; u8: 0 open, 1 claimed, 2 burned, 3 expired` */
export const slotState: Codec<SlotState> = {
  kind: "slot-state",
  type: 0x87,
  write: (message, to) => void to.u8(STATES.indexOf(message.state)),
  read: (from) => ({ kind: "slot-state", state: readChoice(from, STATES) }),
};
