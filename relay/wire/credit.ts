import { type Codec, writeFixed } from "./codec.ts";
import { ID_SIZE } from "./size.ts";

/** Lets the relay push so many more MSGs of a queue that this connection reads. There is no answer. */
export interface Credit {
  readonly kind: "credit";
  readonly recipientId: Buffer;
  readonly count: number;
}

/** `credit = recipientId count ; 24 bytes, u32` */
export const credit: Codec<Credit> = {
  kind: "credit",
  type: 0x04,
  write(message, to) {
    writeFixed(to, message.recipientId, ID_SIZE);
    to.u32(message.count);
  },
  read: (from) => ({ kind: "credit", recipientId: from.raw(ID_SIZE), count: from.u32() }),
};
