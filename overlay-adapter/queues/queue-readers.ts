import type { AddressLabel } from "../../foundation/address.ts";
import type { DropReason, OverlayEvent } from "../events.ts";
import type { Workforce } from "../workforce.ts";
import { QueueReader, type ReaderOptions } from "./queue-reader.ts";

export interface QueueReadersOptions extends Omit<ReaderOptions, "dropped" | "wake"> {
  readonly work: Workforce;
  readonly emit: (event: OverlayEvent) => void;
}

/** A reader with its worker for every own queue that is read. */
export class QueueReaders {
  readonly #o: QueueReadersOptions;
  readonly #readers = new Map<number, QueueReader>();
  readonly #dropped: Partial<Record<DropReason, number>> = {};

  constructor(options: QueueReadersOptions) {
    this.#o = options;
  }

  /** Cells dropped since the start, by reason. */
  get dropped(): Readonly<Partial<Record<DropReason, number>>> {
    return this.#dropped;
  }

  /** True while nothing is on its way from any queue, or from the given one. */
  quiet(queue?: number): boolean {
    if (queue !== undefined) return this.#readers.get(queue)?.quiet ?? true;
    for (const reader of this.#readers.values()) if (!reader.quiet) return false;
    return true;
  }

  /** Begins to read a queue, or looks at its new state; nothing before the start. */
  read(id: number): void {
    const { work, queues } = this.#o;
    const queue = queues.own(id);
    if (!work.started || queue === undefined) return;
    const worker = work.worker(`read ${id}`, () => {
      const drop = this.drop.bind(this);
      const reader = new QueueReader({ ...this.#o, dropped: drop, wake: () => worker.wake() }, queue);
      this.#readers.set(id, reader);
      return async () => {
        const result = await reader.step();
        if (queues.own(id) === undefined) {
          this.#readers.delete(id);
          work.dismiss(`read ${id}`);
        }
        return result;
      };
    });
    worker.wake();
  }

  sweep(): void {
    for (const reader of this.#readers.values()) reader.sweep();
  }

  /** Once the workers have stopped: `heard` resolves when relays know what was stored; `close` ends the readers. */
  end(): { readonly heard: () => Promise<unknown>; readonly close: () => Promise<unknown> } {
    const readers = [...this.#readers.values()];
    return {
      heard: () => Promise.all(readers.map((reader) => reader.acknowledged())),
      close: () => Promise.all(readers.map((reader) => reader.close())),
    };
  }

  /** Counts cells that were worth nothing, and tells of them. */
  drop(from: AddressLabel | undefined, reason: DropReason, count: number): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + count;
    this.#o.emit({ kind: "cells-dropped", from, reason, count });
  }
}
