import { type Codec, writeFixed } from "./codec.ts";
import { ID_SIZE, SIGNATURE_SIZE } from "./size.ts";

/**
 * Makes this connection the queue's reader; answered SUBSCRIBED or NO_QUEUE. The connection that read it before is told
 * ENDED. `after` is the last seq that the reader already has, 0 for none, so that a broken connection resumes without
 * hearing twice; a number that the queue never gave counts as 0.
 */
export interface Subscribe {
  readonly kind: "subscribe";
  readonly recipientId: Buffer;
  readonly after: number;
  /** How many MSGs may come before the first CREDIT. */
  readonly credit: number;
  readonly signature: Buffer;
}

/** What the signature covers, beside the connection. */
export function subscribeFields(recipientId: Uint8Array, after: number, credit: number): Buffer {
  const numbers = Buffer.alloc(12);
  numbers.writeBigUInt64BE(BigInt(after));
  numbers.writeUInt32BE(credit, 8);
  return Buffer.concat([recipientId, numbers]);
}

/** `subscribe = recipientId after credit signature ; 24 bytes, u64, u32, 64 bytes` */
export const subscribe: Codec<Subscribe> = {
  kind: "subscribe",
  type: 0x03,
  write(message, to) {
    writeFixed(to, message.recipientId, ID_SIZE);
    to.u64(message.after).u32(message.credit);
    writeFixed(to, message.signature, SIGNATURE_SIZE);
  },
  read: (from) => ({
    kind: "subscribe",
    recipientId: from.raw(ID_SIZE),
    after: from.u64(),
    credit: from.u32(),
    signature: from.raw(SIGNATURE_SIZE),
  }),
};
