import { DEVICES_MAX } from "../limits.ts";
import type { InnerCell, Slot } from "../queues/cell.ts";
import type { SealedLetter } from "./opening.ts";
import type { StreamedLetter } from "./streamed-letter.ts";

/** A letter of which some cells have come. */
export class PartialLetter {
  /** Its tag in hex. */
  readonly key: string;
  /** The relay's number of the first cell that came. */
  readonly first: number;
  /** The relay's numbers of all its cells, to be acknowledged together. */
  readonly seqs: number[] = [];
  /** Sealed chunks that are kept in memory, in order. */
  readonly chunks: Buffer[] = [];
  /** Cells with content, once the first of them has come. */
  cells: number | undefined;
  /** Index of the chunk that is expected. */
  next = 0;
  stream: StreamedLetter | undefined;
  /** When a cell came last; milliseconds since 1970. */
  lastAt = 0;
  #senderDevice = 0;
  #slots: Slot[] = [];
  #commitment: Buffer = Buffer.alloc(0);

  constructor(key: string, first: number) {
    this.key = key;
    this.first = first;
  }

  /** `damaged`: slots for more devices than anybody has, which would only fill the memory. `incomplete`: cells before it are missing; its sender will send it again behind them. */
  take(
    cell: Exclude<InnerCell, { kind: "hello" | "renewal" }>,
    seq: number,
  ): "taken" | "duplicate" | "incomplete" | "damaged" {
    if (cell.kind === "body") {
      if (cell.index < this.next) return "duplicate";
      if (cell.index > this.next || this.cells === undefined || cell.index >= this.cells) return "incomplete";
    } else if (this.cells !== undefined) return "duplicate";
    else if (this.#slots.length + cell.slots.length > DEVICES_MAX) return "damaged";
    this.seqs.push(seq);
    if (cell.kind === "slots") {
      this.#slots.push(...cell.slots);
      return "taken";
    }
    if (cell.kind === "letter") {
      this.cells = cell.cells;
      this.#senderDevice = cell.senderDevice;
      this.#commitment = cell.commitment;
      this.#slots.push(...cell.slots);
    }
    this.chunks.push(cell.chunk);
    this.next++;
    return "taken";
  }

  get senderDevice(): number {
    return this.#senderDevice;
  }

  sealed(): SealedLetter {
    return {
      senderDevice: this.#senderDevice,
      cells: this.cells ?? 0,
      slots: this.#slots,
      commitment: this.#commitment,
    };
  }
}
