import type { Codec } from "./codec.ts";

/**
 * From the next block on, the relay sends exactly one block for each that comes, chosen before what came is looked at; a
 * client that sends at times of its own making then shows nothing by what it does. Also what such a client sends when it
 * has nothing to say. No answer.
 */
export interface Pace {
  readonly kind: "pace";
}

/** The relay is to send FILLER at random times, at exponential intervals with this mean; 0 ends it. No answer. */
export interface Cover {
  readonly kind: "cover";
  /** Seconds. */
  readonly mean: number;
}

/** A block that says nothing, from the relay. Its correlation is 0. */
export interface Filler {
  readonly kind: "filler";
}

/** `pace = ""` */
export const pace: Codec<Pace> = { kind: "pace", type: 0x23, write: () => undefined, read: () => ({ kind: "pace" }) };

/** `cover = mean ; u32` */
export const cover: Codec<Cover> = {
  kind: "cover",
  type: 0x24,
  write: (message, to) => void to.u32(message.mean),
  read: (from) => ({ kind: "cover", mean: from.u32() }),
};

/** `filler = ""` */
export const filler: Codec<Filler> = {
  kind: "filler",
  type: 0xa3,
  write: () => undefined,
  read: () => ({ kind: "filler" }),
};
