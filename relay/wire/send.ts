import { CELL_SIZE } from "./cell.ts";
import { type Codec, writeFixed } from "./codec.ts";
import { ID_SIZE, MAC_SIZE } from "./size.ts";

/**
 * Puts a cell into a queue; OK once it is on the relay's disk, FULL past the quota, NO_QUEUE if there is none or the MAC
 * is wrong, which a stranger cannot tell apart; RETRY if the relay cannot store just now.
 */
export interface Send {
  readonly kind: "send";
  readonly senderId: Buffer;
  readonly mac: Buffer;
  readonly cell: Buffer;
}

/** `send = senderId mac cell ; 24, 32, 16256 bytes` */
export const send: Codec<Send> = {
  kind: "send",
  type: 0x06,
  write(message, to) {
    writeFixed(to, message.senderId, ID_SIZE);
    writeFixed(to, message.mac, MAC_SIZE);
    writeFixed(to, message.cell, CELL_SIZE);
  },
  read: (from) => ({ kind: "send", senderId: from.raw(ID_SIZE), mac: from.raw(MAC_SIZE), cell: from.raw(CELL_SIZE) }),
};
