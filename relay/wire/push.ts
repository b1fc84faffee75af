import { CELL_SIZE } from "./cell.ts";
import { type Codec, readChoice, writeFixed } from "./codec.ts";
import { ID_SIZE } from "./size.ts";

/** A cell of a subscribed queue, unasked; seqs of one queue ascend and are never given twice. Its correlation is 0. */
export interface Message {
  readonly kind: "message";
  readonly recipientId: Buffer;
  readonly seq: number;
  readonly cell: Buffer;
}

/** No more cells of this queue come on this connection. Its correlation is 0. */
export interface Ended {
  readonly kind: "ended";
  readonly recipientId: Buffer;
  readonly reason: "taken-over" | "gone";
}

const REASONS = ["taken-over", "gone"] as const;

/** `msg = recipientId seq cell ; 24 bytes, u64, 16256 bytes` */
export const message: Codec<Message> = {
  kind: "message",
  type: 0x81,
  write(message, to) {
    writeFixed(to, message.recipientId, ID_SIZE);
    to.u64(message.seq);
    writeFixed(to, message.cell, CELL_SIZE);
  },
  read: (from) => ({
    kind: "message",
    recipientId: from.raw(ID_SIZE),
    seq: from.u64(),
    cell: from.raw(CELL_SIZE),
  }),
};

/** `ended = recipientId reason ; 24 bytes, u8: 0 taken over, 1 gone` */
export const ended: Codec<Ended> = {
  kind: "ended",
  type: 0x82,
  write(message, to) {
    writeFixed(to, message.recipientId, ID_SIZE);
    to.u8(REASONS.indexOf(message.reason));
  },
  read: (from) => ({ kind: "ended", recipientId: from.raw(ID_SIZE), reason: readChoice(from, REASONS) }),
};
