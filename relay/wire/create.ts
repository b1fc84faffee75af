import { type Codec, writeFixed } from "./codec.ts";
import { ID_SIZE, KEY_SIZE } from "./size.ts";

/** Makes a queue. Ids and keys are the client's choice, so that the same command may be sent again; OK, IN_USE, FORBIDDEN or FULL. */
export interface Create {
  readonly kind: "create";
  readonly token: Buffer;
  readonly recipientId: Buffer;
  readonly senderId: Buffer;
  /** Ed25519 public key that subscribes and deletes. */
  readonly recipientKey: Buffer;
  /** HMAC-SHA256 key that sends. */
  readonly senderKey: Buffer;
}

/** `create = token recipientId senderId recipientKey senderKey ; 32, 24, 24, 32, 32 bytes` */
export const create: Codec<Create> = {
  kind: "create",
  type: 0x02,
  write(message, to) {
    writeFixed(to, message.token, KEY_SIZE);
    writeFixed(to, message.recipientId, ID_SIZE);
    writeFixed(to, message.senderId, ID_SIZE);
    writeFixed(to, message.recipientKey, KEY_SIZE);
    writeFixed(to, message.senderKey, KEY_SIZE);
  },
  read: (from) => ({
    kind: "create",
    token: from.raw(KEY_SIZE),
    recipientId: from.raw(ID_SIZE),
    senderId: from.raw(ID_SIZE),
    recipientKey: from.raw(KEY_SIZE),
    senderKey: from.raw(KEY_SIZE),
  }),
};
