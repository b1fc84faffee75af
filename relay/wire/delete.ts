import { type Codec, writeFixed } from "./codec.ts";
import { ID_SIZE, SIGNATURE_SIZE } from "./size.ts";

/** Removes a queue with all that it holds; OK, or NO_QUEUE. Another connection that reads it is told ENDED. */
export interface Delete {
  readonly kind: "delete";
  readonly recipientId: Buffer;
  readonly signature: Buffer;
}

/** `delete = recipientId signature ; 24, 64 bytes` */
export const deleteQueue: Codec<Delete> = {
  kind: "delete",
  type: 0x07,
  write(message, to) {
    writeFixed(to, message.recipientId, ID_SIZE);
    writeFixed(to, message.signature, SIGNATURE_SIZE);
  },
  read: (from) => ({ kind: "delete", recipientId: from.raw(ID_SIZE), signature: from.raw(SIGNATURE_SIZE) }),
};
