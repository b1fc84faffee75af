import { DecodeError } from "../../foundation/bytes.ts";
import { type Codec, writeFixed } from "./codec.ts";
import { ID_SIZE } from "./size.ts";

/** Numbers from first to last, both included. */
export interface SeqRange {
  readonly first: number;
  readonly last: number;
}

/** Ranges that one ACK may hold: as many as fit into a block beside the rest. */
export const MAX_RANGES = 1_000;

/** Has the relay delete cells of a queue that this connection reads; OK once they are off its disk, or NOT_SUBSCRIBED. */
export interface Acknowledge {
  readonly kind: "acknowledge";
  readonly recipientId: Buffer;
  readonly ranges: readonly SeqRange[];
}

/** `ack = recipientId count *(first last) ; 24 bytes, u16 of 1..1000, u64 each` */
export const acknowledge: Codec<Acknowledge> = {
  kind: "acknowledge",
  type: 0x05,
  write(message, to) {
    writeFixed(to, message.recipientId, ID_SIZE);
    to.u16(message.ranges.length);
    for (const { first, last } of message.ranges) to.u64(first).u64(last);
  },
  read(from) {
    const recipientId = from.raw(ID_SIZE);
    const count = from.u16();
    if (count < 1 || count > MAX_RANGES) throw new DecodeError(`${count} ranges`);
    const ranges: SeqRange[] = [];
    for (let index = 0; index < count; index++) {
      const range = { first: from.u64(), last: from.u64() };
      if (range.first > range.last) throw new DecodeError("range that ends before it begins");
      ranges.push(range);
    }
    return { kind: "acknowledge", recipientId, ranges };
  },
};

/** The fewest ranges that cover exactly these numbers, ascending. */
export function toRanges(seqs: Iterable<number>): SeqRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const seq of [...seqs].sort((a, b) => a - b)) {
    const range = ranges.at(-1);
    if (range !== undefined && seq <= range.last + 1) range.last = seq;
    else ranges.push({ first: seq, last: seq });
  }
  return ranges;
}
