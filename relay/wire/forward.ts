import { MAX_PAYLOAD } from "./block.ts";
import { type Codec, writeFixed } from "./codec.ts";
import { KEY_SIZE } from "./size.ts";

/**
 * Asks an entry relay for a way to another relay; OK once that has agreed, FORBIDDEN where this relay does not lead there,
 * FULL past its bounds, RETRY where the other cannot be reached. From the OK on this connection carries one stream.
 */
export interface Forward {
  readonly kind: "forward";
  readonly pin: Buffer;
  readonly port: number;
  readonly host: string;
}

/** What an entry relay says to the other one; OK or FORBIDDEN. From the OK on the connection carries a stream of somebody unknown. */
export interface Tunnel {
  readonly kind: "tunnel";
}

/** Octets of the stream, towards the relay; no answer. */
export interface Carry {
  readonly kind: "carry";
  readonly bytes: Buffer;
}

/** Octets of the stream, from the relay. Its correlation is 0. */
export interface Carried {
  readonly kind: "carried";
  readonly bytes: Buffer;
}

/** Octets of a stream that one block carries. */
export const CARRY_MAX = MAX_PAYLOAD - 5;

/** `forward = pin port host ; 32 bytes, u16, UTF-8 after its length as u16` */
export const forward: Codec<Forward> = {
  kind: "forward",
  type: 0x20,
  write(message, to) {
    writeFixed(to, message.pin, KEY_SIZE);
    to.u16(message.port).text16(message.host);
  },
  read: (from) => ({ kind: "forward", pin: from.raw(KEY_SIZE), port: from.u16(), host: from.text16() }),
};

/** `tunnel = ""` */
export const tunnel: Codec<Tunnel> = {
  kind: "tunnel",
  type: 0x21,
  write: () => undefined,
  read: () => ({ kind: "tunnel" }),
};

/** `carry = *OCTET`, to the payload's end */
export const carry: Codec<Carry> = {
  kind: "carry",
  type: 0x22,
  write: (message, to) => void to.raw(message.bytes),
  read: (from) => ({ kind: "carry", bytes: from.rest() }),
};

/** `carried = *OCTET`, to the payload's end */
export const carried: Codec<Carried> = {
  kind: "carried",
  type: 0xa2,
  write: (message, to) => void to.raw(message.bytes),
  read: (from) => ({ kind: "carried", bytes: from.rest() }),
};
